/*
 * How a key is named, and what a module says of an attribute.
 */
#ifndef KEYSTAY_TOKEN_KEY_NAME_H
#define KEYSTAY_TOKEN_KEY_NAME_H

/* Bytes of the CKA_ID that keystay gives, and of any that it can find; hex of that and of a
 * SHA-256. */
#define KEY_ID_BYTES 16
#define KEY_ID_MAX 32
#define KEY_ID_TEXT (2 * KEY_ID_MAX + 1)
#define KEY_HASH_TEXT 65
#define KEY_LABEL_TEXT 96

struct key_name {
	char id[KEY_ID_TEXT];
	char label[KEY_LABEL_TEXT];
};

/* Many modules do not have all attributes. */
enum said { SAID_NOTHING, SAID_NO, SAID_YES };

#endif
