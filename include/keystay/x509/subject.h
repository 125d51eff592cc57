/*
 * A subject written in one line, as people and lists of certificates write it: "O=Example
 * Council,C=GB" (RFC 4514), "C = GB, O = Example Council" (openssl x509) or "/C=GB/O=Example
 * Council".
 */
#ifndef KEYSTAY_X509_SUBJECT_H
#define KEYSTAY_X509_SUBJECT_H

#include "keystay/x509/csr.h"

/* No subject in one line is longer. */
#define SUBJECT_LINE_MAX 2048

/*
 * Reads O, OU, L, ST (or S) and C, or their long words, each at most once. CN and emailAddress are
 * passed over: what keystay asks for has its names elsewhere. "" is an empty subject. ERR_CONFIG
 * for anything else. The caller frees with subject_clear.
 */
int subject_read(const char *line, struct subject *ret, struct err *e) MUST_USE;

void subject_clear(struct subject *s);
AUTO_DEFINE_VALUE(subject, subject_clear)

#endif
