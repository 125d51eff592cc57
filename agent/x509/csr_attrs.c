#include "keystay/x509/csr_attrs.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "keystay/x509/base64.h"
#include "keystay/x509/ossl.h"
#include "csr_attrs_asn1.h"

/* RFC 9908 3.4; libcrypto has no names for them. */
#define OID_TEMPLATE "1.2.840.113549.1.9.16.2.61"
#define OID_EXTENSIONS_TEMPLATE "1.2.840.113549.1.9.16.2.62"

#define OID_TEXT 80

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_FAILED, "no memory for the attributes of a request");
}

static void
dotted(const ASN1_OBJECT *oid, char text[OID_TEXT])
{
	if (OBJ_obj2txt(text, OID_TEXT, oid, 1) >= OID_TEXT)
		snprintf(text, OID_TEXT, "a very long OID");
}

static bool
is_oid(const ASN1_OBJECT *oid, const char *wanted)
{
	char text[OID_TEXT];

	dotted(oid, text);
	return text_same(text, wanted);
}

static int
note(struct list *l, const ASN1_OBJECT *oid, struct err *e)
{
	char text[OID_TEXT];

	dotted(oid, text);
	return list_has(l, text) || list_add(l, text) ? 0 : no_memory(e);
}

/* The curve of an OID; a key on one that is not known cannot be had. */
static int
curve_of(const ASN1_OBJECT *oid, int *ret, struct err *e)
{
	char text[OID_TEXT];

	*ret = OBJ_obj2nid(oid);
	if (*ret != NID_undef)
		return 0;
	dotted(oid, text);
	return err_set(
		e, ERR_AUTHORITY, "the server wants a key on a curve that is not known (%s)", text);
}

/* `curve` and `bits` say nothing where they are NID_undef and 0. */
static int
want_key(struct csr_attrs *a, int key, int curve, long bits, struct err *e)
{
	if (key == NID_undef)
		return err_set(e, ERR_AUTHORITY,
			"the server wants a key of an algorithm that is not known");
	if (bits < 0 || bits > 64 * 1024)
		return err_set(e, ERR_AUTHORITY, "the server wants a key of no sane length");
	if ((a->key != NID_undef && a->key != key) ||
		(a->curve != NID_undef && curve != NID_undef && a->curve != curve) ||
		(a->rsa_bits && bits && a->rsa_bits != bits))
		return err_set(e, ERR_AUTHORITY, "the server wants two different keys at once");
	a->key = key;
	a->curve = curve != NID_undef ? curve : a->curve;
	a->rsa_bits = bits ? (int)bits : a->rsa_bits;
	return 0;
}

static int
want_digest(struct csr_attrs *a, int digest, struct err *e)
{
	if (a->digest != NID_undef && a->digest != digest)
		return err_set(e, ERR_AUTHORITY, "the server wants two different digests at once");
	a->digest = digest;
	return 0;
}

static int
add_extension(struct csr_attrs *a, const X509_EXTENSION *x, struct err *e)
{
	if (X509v3_get_ext_by_OBJ(
		    a->extensions, X509_EXTENSION_get_object((X509_EXTENSION *)x), -1) >= 0)
		return err_set(e, ERR_AUTHORITY, "the server wants an extension twice");
	return X509v3_add_ext(&a->extensions, (X509_EXTENSION *)x, -1) ? 0 : no_memory(e);
}

/* An `Extensions` (RFC 9908 3.2), or a bare OID, as the examples of RFC 7030 have it. */
static int
take_extensions(struct csr_attrs *a, const ASN1_TYPE *value, struct err *e)
{
	if (value->type == V_ASN1_OBJECT)
		return note(&a->asked, value->value.object, e);
	if (value->type != V_ASN1_SEQUENCE)
		return err_set(e, ERR_AUTHORITY, "the list of extensions cannot be read");
	const unsigned char *p = value->value.sequence->data;
	STACK_OF(X509_EXTENSION) *all =
		d2i_X509_EXTENSIONS(NULL, &p, value->value.sequence->length);
	int rc = all ? 0 : ossl_fail(e, ERR_AUTHORITY, "the list of extensions cannot be read");
	for (int i = 0; rc == 0 && i < sk_X509_EXTENSION_num(all); i++)
		rc = add_extension(a, sk_X509_EXTENSION_value(all, i), e);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	return rc;
}

static int
take_extension_template(struct csr_attrs *a, const EXTENSION_TEMPLATE *t, struct err *e)
{
	if (!t->value)
		return note(&a->asked, t->type, e);
	X509_EXTENSION *x = X509_EXTENSION_create_by_OBJ(NULL, t->type, t->critical > 0, t->value);
	if (!x)
		return no_memory(e);
	int rc = add_extension(a, x, e);
	X509_EXTENSION_free(x);
	return rc;
}

static int
take_extension_templates(struct csr_attrs *a, const ASN1_TYPE *value, struct err *e)
{
	const ASN1_ITEM *item = ASN1_ITEM_rptr(EXTENSION_TEMPLATES);
	const unsigned char *p = NULL;
	STACK_OF(EXTENSION_TEMPLATE) *all = NULL;
	int rc = 0;

	if (value->type == V_ASN1_SEQUENCE) {
		p = value->value.sequence->data;
		all = (STACK_OF(EXTENSION_TEMPLATE) *)ASN1_item_d2i(
			NULL, &p, value->value.sequence->length, item);
	}
	if (!all)
		return ossl_fail(e, ERR_AUTHORITY, "the template's extensions cannot be read");
	for (int i = 0; rc == 0 && i < sk_EXTENSION_TEMPLATE_num(all); i++)
		rc = take_extension_template(a, sk_EXTENSION_TEMPLATE_value(all, i), e);
	ASN1_item_free((ASN1_VALUE *)all, item);
	return rc;
}

/* The bits of a modulus that stands for its length alone (RFC 9908 3.4). */
static int
take_placeholder(struct csr_attrs *a, const KEY_TEMPLATE *k, struct err *e)
{
	const unsigned char *p = k->key->data;
	EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, k->key->length);

	if (!key)
		return ossl_fail(e, ERR_AUTHORITY, "the template's RSA key cannot be read");
	int rc = want_key(a, NID_rsaEncryption, NID_undef, EVP_PKEY_get_bits(key), e);
	EVP_PKEY_free(key);
	return rc;
}

static int
take_key_template(struct csr_attrs *a, const KEY_TEMPLATE *k, struct err *e)
{
	const ASN1_OBJECT *algorithm;
	const void *value;
	int type;

	X509_ALGOR_get0(&algorithm, &type, &value, k->algorithm);
	int nid = OBJ_obj2nid(algorithm);
	if (nid == NID_rsaEncryption && k->key)
		return take_placeholder(a, k, e);
	int curve = NID_undef;
	if (type == V_ASN1_OBJECT && curve_of(value, &curve, e) < 0)
		return -1;
	return want_key(a, nid, curve, 0, e);
}

static int
take_name_part(struct csr_attrs *a, const NAME_PART *part, struct err *e)
{
	char oid[OID_TEXT], text[OID_TEXT + 300];
	unsigned char *utf8 = NULL;

	if (!part->value)
		return note(&a->subject, part->type, e);
	dotted(part->type, oid);
	/* Only strings have a text. */
	int len = part->value->type == V_ASN1_UTF8STRING ||
				  part->value->type == V_ASN1_PRINTABLESTRING ||
				  part->value->type == V_ASN1_IA5STRING ||
				  part->value->type == V_ASN1_T61STRING ||
				  part->value->type == V_ASN1_BMPSTRING
			  ? ASN1_STRING_to_UTF8(&utf8, part->value->value.asn1_string)
			  : -1;
	if (len < 0 || len > 256 || memchr(utf8, '\0', (size_t)len)) {
		OPENSSL_free(utf8);
		return ossl_fail(e, ERR_AUTHORITY, "the template's subject cannot be read");
	}
	snprintf(text, sizeof text, "%s=%.*s", oid, len, (const char *)utf8);
	OPENSSL_free(utf8);
	text_printable(text);
	return list_add(&a->subject, text) ? 0 : no_memory(e);
}

static int
take_subject(struct csr_attrs *a, const NAME_TEMPLATE *subject, struct err *e)
{
	for (int i = 0; i < sk_NAME_PARTS_num(subject); i++) {
		const NAME_PARTS *set = sk_NAME_PARTS_value(subject, i);
		for (int k = 0; k < sk_NAME_PART_num(set); k++)
			if (take_name_part(a, sk_NAME_PART_value(set, k), e) < 0)
				return -1;
	}
	return 0;
}

/* One attribute; inside a template those of keys are not. */
static int
take_attribute(struct csr_attrs *a, X509_ATTRIBUTE *x, struct err *e)
{
	const ASN1_OBJECT *oid = X509_ATTRIBUTE_get0_object(x);
	const ASN1_TYPE *value =
		X509_ATTRIBUTE_count(x) > 0 ? X509_ATTRIBUTE_get0_type(x, 0) : NULL;
	int curve = NID_undef;

	switch (OBJ_obj2nid(oid)) {
	case NID_pkcs9_challengePassword:
		a->challenge_password = true;
		return 0;
	case NID_X9_62_id_ecPublicKey:
		if (value && value->type == V_ASN1_OBJECT &&
			curve_of(value->value.object, &curve, e) < 0)
			return -1;
		return want_key(a, NID_X9_62_id_ecPublicKey, curve, 0, e);
	case NID_rsaEncryption:
		return want_key(a, NID_rsaEncryption, NID_undef,
			value && value->type == V_ASN1_INTEGER
				? ASN1_INTEGER_get(value->value.integer)
				: 0,
			e);
	case NID_ext_req:
		for (int i = 0; i < X509_ATTRIBUTE_count(x); i++)
			if (take_extensions(a, X509_ATTRIBUTE_get0_type(x, i), e) < 0)
				return -1;
		return 0;
	default:
		return is_oid(oid, OID_EXTENSIONS_TEMPLATE) && value
			       ? take_extension_templates(a, value, e)
			       : note(&a->ignored, oid, e);
	}
}

static int
take_template(struct csr_attrs *a, const ASN1_TYPE *value, struct err *e)
{
	const ASN1_ITEM *item = ASN1_ITEM_rptr(REQUEST_TEMPLATE);
	REQUEST_TEMPLATE *t = NULL;
	int rc = 0;

	if (value && value->type == V_ASN1_SEQUENCE) {
		const unsigned char *p = value->value.sequence->data;
		t = (REQUEST_TEMPLATE *)ASN1_item_d2i(
			NULL, &p, value->value.sequence->length, item);
	}
	if (!t || ASN1_INTEGER_get(t->version) != 0)
		rc = ossl_fail(e, ERR_AUTHORITY, "the template of a request cannot be read");
	if (rc == 0 && t->subject)
		rc = take_subject(a, t->subject, e);
	if (rc == 0 && t->key)
		rc = take_key_template(a, t->key, e);
	for (int i = 0; rc == 0 && i < sk_X509_ATTRIBUTE_num(t->attributes); i++)
		rc = take_attribute(a, sk_X509_ATTRIBUTE_value(t->attributes, i), e);
	ASN1_item_free((ASN1_VALUE *)t, item);
	a->template = true;
	return rc;
}

/* A bare OID: challengePassword, or an algorithm for the signature. */
static int
take_oid(struct csr_attrs *a, const ASN1_OBJECT *oid, struct err *e)
{
	int nid = OBJ_obj2nid(oid), digest, key;

	if (nid == NID_pkcs9_challengePassword) {
		a->challenge_password = true;
		return 0;
	}
	if (nid == NID_X9_62_id_ecPublicKey || nid == NID_rsaEncryption)
		return want_key(a, nid, NID_undef, 0, e);
	if (nid != NID_undef && OBJ_find_sigid_algs(nid, &digest, &key) && digest != NID_undef)
		return want_digest(a, digest, e);
	if (nid != NID_undef && EVP_get_digestbynid(nid))
		return want_digest(a, nid, e);
	return note(&a->ignored, oid, e);
}

static bool
is_template(const ATTR_OR_OID *x)
{
	return x->type == 1 && is_oid(X509_ATTRIBUTE_get0_object(x->d.attribute), OID_TEMPLATE);
}

static int
take_all(struct csr_attrs *a, const STACK_OF(ATTR_OR_OID) * all, struct err *e)
{
	int rc = 0;

	/* Whoever understands the template follows it alone (RFC 9908 4). */
	for (int i = 0; i < sk_ATTR_OR_OID_num(all); i++) {
		const ATTR_OR_OID *x = sk_ATTR_OR_OID_value(all, i);
		if (is_template(x))
			return take_template(a, X509_ATTRIBUTE_get0_type(x->d.attribute, 0), e);
	}
	for (int i = 0; rc == 0 && i < sk_ATTR_OR_OID_num(all); i++) {
		const ATTR_OR_OID *x = sk_ATTR_OR_OID_value(all, i);
		rc = x->type == 0 ? take_oid(a, x->d.oid, e) : take_attribute(a, x->d.attribute, e);
	}
	return rc;
}

static int
read_der(struct csr_attrs *a, const unsigned char *der, size_t len, struct err *e)
{
	const ASN1_ITEM *item = ASN1_ITEM_rptr(CSR_ATTRS);
	const unsigned char *p = der;

	STACK_OF(ATTR_OR_OID) *all =
		(STACK_OF(ATTR_OR_OID) *)ASN1_item_d2i(NULL, &p, (long)len, item);
	if (!all || p != der + len || sk_ATTR_OR_OID_num(all) > CSR_ATTRS_COUNT_MAX) {
		ASN1_item_free((ASN1_VALUE *)all, item);
		ERR_clear_error();
		return err_set(e, ERR_AUTHORITY, "the answer is no list of attributes");
	}
	int rc = take_all(a, all, e);
	ASN1_item_free((ASN1_VALUE *)all, item);
	return rc;
}

int
csr_attrs_read(const void *body, size_t len, struct csr_attrs *ret, struct err *e)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};
	AUTO(buf) struct buf der = BUF(CSR_ATTRS_MAX);
	const char *text = body;
	int rc = 0;

	*ret = (struct csr_attrs){0};
	if (len > CSR_ATTRS_MAX)
		return err_set(
			e, ERR_AUTHORITY, "the answer is larger than %d bytes", CSR_ATTRS_MAX);
	size_t blank = 0;
	while (blank < len && text[blank] && strchr(" \t\r\n", text[blank]))
		blank++;
	if (blank == len)
		return 0;
	if (*text == 0x30)
		rc = read_der(&a, body, len, e);
	else if (base64_read(text, len, &der))
		rc = read_der(&a, (const unsigned char *)der.text, der.len, e);
	else
		rc = err_set(e, ERR_AUTHORITY, "the answer is no list of attributes");
	ERR_clear_error();
	if (rc < 0)
		return -1;
	*ret = a;
	a = (struct csr_attrs){0};
	return 0;
}

void
csr_attrs_free(struct csr_attrs *a)
{
	sk_X509_EXTENSION_pop_free(a->extensions, X509_EXTENSION_free);
	a->extensions = NULL;
	list_free(&a->asked);
	list_free(&a->subject);
	list_free(&a->ignored);
}
