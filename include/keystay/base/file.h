/*
 * Files are replaced, never edited:
 *
 *	file_replace("/etc/x", data, len, 0644, &e)     temp beside, mode, write, fsync, rename,
 *fsync folder
 *
 * and read with a ceiling. Every error names the file.
 */
#ifndef KEYSTAY_BASE_FILE_H
#define KEYSTAY_BASE_FILE_H

#include "keystay/base/buf.h"
#include "keystay/base/err.h"

#include <sys/types.h>

/* Owner and group that mean "leave as it is". */
#define FILE_SAME_OWNER ((uid_t)-1)
#define FILE_SAME_GROUP ((gid_t)-1)

/* Reads a regular file of at most `ret->ceiling` bytes into `ret` (empty before). */
int file_read(const char *path, struct buf *ret, struct err *e) MUST_USE;

/* Writes `path` anew, atomically and durably, with exactly `mode` and, where given, owner and
 * group. */
int file_replace(const char *path, const void *data, size_t len, mode_t mode, uid_t uid, gid_t gid,
	struct err *e) MUST_USE;

/* Makes `link` point to `to` by one rename, durably. */
int file_link_switch(const char *link, const char *to, struct err *e) MUST_USE;

/* Makes a folder and its parents where they are missing; a new one gets exactly `mode`. */
int folder_make(const char *path, mode_t mode, struct err *e) MUST_USE;

/* fsync of a folder, so that a rename in it survives a power cut. */
int folder_sync(const char *path, struct err *e) MUST_USE;

/* folder_sync of the folder that `path` is in. */
int file_sync_folder_of(const char *path, struct err *e) MUST_USE;

/* Removes a folder that holds only files, and the files; a missing one is no error. */
int folder_remove(const char *path, struct err *e) MUST_USE;

#endif
