/*
 * Objects of a token by their handles. A handle is never trusted for long: it is asked for by id
 * and label, and what it leads to is read back and compared, since there are modules that give
 * two objects one handle after another object was destroyed.
 */
#ifndef KEYSTAY_TOKEN_OBJECT_H
#define KEYSTAY_TOKEN_OBJECT_H

#include "internal.h"
#include "keystay/token/key_name.h"

#define CERTIFICATES_MAX 8

/* The bytes of a name's id; their number. */
CK_ULONG key_id_of(const struct key_name *name, CK_BYTE id[KEY_ID_MAX]);

/* The objects of one name; CK_INVALID_HANDLE (0) where there is none. */
struct key_objects {
	CK_OBJECT_HANDLE private_key, public_key;
	CK_OBJECT_HANDLE certificate[CERTIFICATES_MAX];
	size_t certificates;
};

/*
 * One search by id and label. ERR_TOKEN for two private or two public objects of that name;
 * ERR_LOST when a handle leads to an object of another name.
 */
int objects_find(struct token *t, const struct key_name *name, struct key_objects *ret,
	struct err *e) MUST_USE;

/* Calls `each` with the handle of every object that matches; -1 from it ends the search. */
int objects_each(struct token *t, CK_ATTRIBUTE *template, CK_ULONG attributes,
	int (*each)(void *ctx, CK_OBJECT_HANDLE object, struct err *e), void *ctx,
	struct err *e) MUST_USE;

/* ERR_LOST unless the object behind the handle has this class, id and label. */
int object_confirm(struct token *t, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class,
	const struct key_name *name, struct err *e) MUST_USE;

/* An attribute that is a CK_BBOOL; SAID_NOTHING where the module does not have it. */
enum said object_said(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

/* Sets a CK_BBOOL. */
CK_RV object_set(struct token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value);

#endif
