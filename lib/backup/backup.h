/*
 * Backups: what the commands backup and restore share.
 *
 * DIR/backup-20261124T163000Z/ is one backup, whole in itself:
 *
 *    data/spool/log/...  data/accounts/NAME/log/...   segments and bodies
 *    data/auth/...  data/tls/...                      passwords, keys
 *    data/import/...                                  what imports brought
 *    config/hearthmail.yaml      (what its keys name elsewhere, a certificate
 *                                or a smarthost's password, is not in it)
 *    manifest.json     every file with size and SHA-256
 *    manifest.sha256   of manifest.json, as sha256sum -c reads it
 *
 * A file that can never change again, a sealed segment or a message's body, is
 * a hard link to the backup before this one if that has it; only what is new
 * is copied, and of the last segment the whole batches and a clean end.  It is
 * made as NAME.part, flushed, then renamed: a name without .part is a whole
 * backup.
 *
 * Consistent by order.  Nobody is asked: what may be copied of a journal in
 * use, and why that is the journal at one moment, is told in
 * journal/extent.h.  The spool is copied before the accounts: mail that goes
 * from the one to the other meanwhile is in both and not in none, and the
 * accounts know its delivery id.  Small files are replaced by rename, so that
 * each is read whole.  Derived files are left out.
 *
 * Folders below accounts/ belong to processes that parse strangers' bytes:
 * nothing there is followed, and only regular files are read.
 */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include <jansson.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "journal/extent.h"

#define BACKUP_PREFIX  "backup-"
#define BACKUP_PART    ".part"
#define BACKUP_SHA     65 /* hexadecimal, with its NUL */
#define BACKUP_DAMAGED ".damaged"
/* So the last line begins of one that is whole, but of which something must be
 * said. */
#define BACKUP_MADE_BUT "it is made, but: "
/* Beside the backups: one of them did not pass a --verify, so that the next
 * one reads all that it links. */
#define BACKUP_SUSPECT ".read-all"

/* ---- files.c ---- */

/* A folder, never through a link at its end; -1 with errno. */
int backup_folder(int dirfd, const char *path);
/* A regular file to read, never through a link at its end, and never waiting
 * for one that is a pipe; -1 with *err. */
int backup_open_file(int dirfd, const char *path, struct err *err);
/* All folders above path, 0700. */
int backup_make_parents(int dirfd, const char *path) RC_USE_RESULT;
/*
 * Copies up to limit bytes; *bytes and sha are what was copied.  RC_DAMAGED:
 * the disk could not read all, there are zeros in its place.
 */
int backup_copy(int from, int dirfd, const char *path, uint64_t limit,
    uint64_t *bytes, char sha[BACKUP_SHA], struct err *err) RC_USE_RESULT;
int backup_sum(int fd, uint64_t *bytes, char sha[BACKUP_SHA]) RC_USE_RESULT;
/* A file or a folder with all that is in it. */
void backup_remove(int dirfd, const char *name);
/* Gives it and all that is in it to somebody. */
void backup_own(int dirfd, const char *name, uid_t uid, gid_t gid);
/* "20261124T163000Z" */
void backup_stamp(char out[24]);

/* ---- seal.c ---- */

/*
 * Ends the copy of a journal's last segment as a server that has stopped ends
 * it; *bytes and sha are what it is then.  RC_NOTFOUND: it has no whole batch,
 * and stays as it is.
 */
int backup_seal(int dirfd, const char *path, const struct journal_extent *e,
    uint64_t *bytes, char sha[BACKUP_SHA], struct err *err) RC_USE_RESULT;

/* ---- manifest ---- */

/* The backup in `dir` itself, or the newest below it; its folder and its
 * name. */
int backup_find(
    const char *dir, int *fd, struct buf *name, struct err *err) RC_USE_RESULT;
/* When the newest whole backup in `dir` was made, seconds since 1970; 0: there
 * is none, or no such folder. */
int backup_newest(
    const char *dir, int64_t *when_out, struct err *err) RC_USE_RESULT;
/* Checks its checksum; to be given back with json_decref.  RC_DAMAGED,
 * RC_NOSUPPORT. */
int backup_manifest(int fd, json_t **out, struct err *err) RC_USE_RESULT;
/* One of what files there are, of a backup whose own is lost or damaged: then
 * nothing can be compared. */
int backup_manifest_anew(int fd, json_t **out, struct err *err) RC_USE_RESULT;
/* Whether a file is what the manifest says. */
bool backup_fits(const json_t *file, uint64_t bytes, const char *sha);
/*
 * Copies the files whose path begins with prefix into `to`, below the same
 * path without `strip` bytes (-1: only reads them), and compares each with the
 * manifest.
 *
 * One that does not fit, or cannot be read, costs what is in it and nothing
 * else: it is named on standard error and counted in *bad.  What can be read of
 * a journal's file takes its place, since the journal knows what of it is good;
 * any other gets the suffix BACKUP_DAMAGED.  With bad NULL nothing is reported.
 * Not RC_OK: `to` cannot be written.
 */
int backup_extract(int fd, const json_t *manifest, const char *prefix,
    size_t strip, int to, unsigned *bad, struct err *err) RC_USE_RESULT;
/* Names of the accounts in it: an array of strings. */
json_t *backup_accounts(const json_t *manifest);

#endif
