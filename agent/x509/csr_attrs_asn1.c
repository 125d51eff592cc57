#include "csr_attrs_asn1.h"

/* clang-format off: these read like the ASN.1 that they are */

ASN1_CHOICE(ATTR_OR_OID) =
	{
		ASN1_SIMPLE(ATTR_OR_OID, d.oid, ASN1_OBJECT),
		ASN1_SIMPLE(ATTR_OR_OID, d.attribute, X509_ATTRIBUTE),
} static_ASN1_CHOICE_END(ATTR_OR_OID)

		ASN1_ITEM_TEMPLATE(CSR_ATTRS) = ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0,
			CSR_ATTRS, ATTR_OR_OID) ASN1_ITEM_TEMPLATE_END(CSR_ATTRS)

			ASN1_SEQUENCE(NAME_PART) =
				{
					ASN1_SIMPLE(NAME_PART, type, ASN1_OBJECT),
					ASN1_OPT(NAME_PART, value, ASN1_ANY),
} static_ASN1_SEQUENCE_END(NAME_PART)

					ASN1_ITEM_TEMPLATE(NAME_PARTS) = ASN1_EX_TEMPLATE_TYPE(
						ASN1_TFLG_SET_OF, 0, NAME_PARTS,
						NAME_PART) static_ASN1_ITEM_TEMPLATE_END(NAME_PARTS)

						ASN1_SEQUENCE(KEY_TEMPLATE) =
							{
								ASN1_SIMPLE(KEY_TEMPLATE, algorithm,
									X509_ALGOR),
								ASN1_OPT(KEY_TEMPLATE, key,
									ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(KEY_TEMPLATE)

								ASN1_SEQUENCE(EXTENSION_TEMPLATE) =
									{
										ASN1_SIMPLE(
											EXTENSION_TEMPLATE,
											type,
											ASN1_OBJECT),
										ASN1_OPT(
											EXTENSION_TEMPLATE,
											critical,
											ASN1_FBOOLEAN),
										ASN1_OPT(
											EXTENSION_TEMPLATE,
											value,
											ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(EXTENSION_TEMPLATE)

										ASN1_ITEM_TEMPLATE(EXTENSION_TEMPLATES) = ASN1_EX_TEMPLATE_TYPE(
											ASN1_TFLG_SEQUENCE_OF,
											0,
											EXTENSION_TEMPLATES,
											EXTENSION_TEMPLATE) ASN1_ITEM_TEMPLATE_END(EXTENSION_TEMPLATES)

											ASN1_SEQUENCE(
												REQUEST_TEMPLATE) = {
												ASN1_SIMPLE(
													REQUEST_TEMPLATE,
													version,
													ASN1_INTEGER),
												ASN1_SEQUENCE_OF_OPT(
													REQUEST_TEMPLATE,
													subject,
													NAME_PARTS),
												ASN1_IMP_OPT(
													REQUEST_TEMPLATE,
													key,
													KEY_TEMPLATE,
													0),
												ASN1_IMP_SET_OF(
													REQUEST_TEMPLATE,
													attributes,
													X509_ATTRIBUTE,
													1),
} ASN1_SEQUENCE_END(REQUEST_TEMPLATE)
