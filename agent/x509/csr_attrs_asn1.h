/* The structures of RFC 8951 4 and RFC 9908 3.4, for libcrypto's reader. */
#ifndef KEYSTAY_X509_CSR_ATTRS_ASN1_H
#define KEYSTAY_X509_CSR_ATTRS_ASN1_H

#include <openssl/asn1t.h>
#include <openssl/x509.h>

typedef struct attr_or_oid {
	int type; /* 0: oid, 1: attribute */
	union {
		ASN1_OBJECT *oid;
		X509_ATTRIBUTE *attribute;
	} d;
} ATTR_OR_OID;
DEFINE_STACK_OF(ATTR_OR_OID)

/* Of a name in a template; without a value the client fills it in. */
typedef struct name_part {
	ASN1_OBJECT *type;
	ASN1_TYPE *value;
} NAME_PART;
DEFINE_STACK_OF(NAME_PART)
typedef STACK_OF(NAME_PART) NAME_PARTS;
DEFINE_STACK_OF(NAME_PARTS)

typedef struct key_template {
	X509_ALGOR *algorithm;
	ASN1_BIT_STRING *key;
} KEY_TEMPLATE;

typedef struct extension_template {
	ASN1_OBJECT *type;
	ASN1_BOOLEAN critical;
	ASN1_OCTET_STRING *value;
} EXTENSION_TEMPLATE;
DEFINE_STACK_OF(EXTENSION_TEMPLATE)

typedef STACK_OF(NAME_PARTS) NAME_TEMPLATE;
typedef STACK_OF(X509_ATTRIBUTE) TEMPLATE_ATTRIBUTES;

typedef struct request_template {
	ASN1_INTEGER *version;
	NAME_TEMPLATE *subject;
	KEY_TEMPLATE *key;
	TEMPLATE_ATTRIBUTES *attributes;
} REQUEST_TEMPLATE;

DECLARE_ASN1_ITEM(CSR_ATTRS)
DECLARE_ASN1_ITEM(EXTENSION_TEMPLATES)
DECLARE_ASN1_ITEM(REQUEST_TEMPLATE)

#endif
