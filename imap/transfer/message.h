/*
 * How mail passes through an import or export: a source pushes folder after
 * folder and message after message into a sink.
 *
 *   folder, { want, begin, bytes ..., end | drop } ..., folder_end
 *
 * Every function that returns int ends the run with what it returns, but
 * folder: RC_DENIED there leaves that folder out (the sink has said why).
 * A source says itself what it cannot read (report_skip) and goes on.
 * Message bytes have CR LF.
 */
#ifndef IMAP_TRANSFER_MESSAGE_H
#define IMAP_TRANSFER_MESSAGE_H

#include "imap/transfer/broker.h"
#include "imap/transfer/report.h"
#include "imap/client/client.h"

#define TRANSFER_MESSAGE_MAX (64u << 20) /* what APPEND takes */
#define TRANSFER_PATH_MAX    4096

struct transfer_folder {
	struct sv name;	   /* UTF-8, '/' between levels, "INBOX" */
	unsigned uses;	   /* IMAP_LIST_DRAFTS ... */
	bool unsubscribed; /* the source says so */
};

struct transfer_msg {
	struct sv name;	 /* for people */
	struct sv key;	 /* as want() got it; empty: its content is the key */
	struct sv flags; /* of IMAP, separated by spaces */
	int64_t date;	 /* INTERNALDATE; 0: none */
	int32_t zone;	 /* minutes east of UTC */
	/* Of the same content in that folder there is one only: the source has
	 * it in several files. */
	bool once;
};

struct sink {
	int (*folder)(
	    void *arg, const struct transfer_folder *f, struct err *err);
	/* All from here on are NULL where only folders are asked for, which
	 * folder() leaves out. */
	/* false: it is there already; not called for messages without key. */
	bool (*want)(void *arg, struct sv key);
	/* Of one that is not wanted: its flags as they are now.  May be NULL.
	 */
	void (*known)(void *arg, struct sv key, struct sv flags);
	int (*begin)(void *arg, struct err *err);
	int (*bytes)(void *arg, struct sv bytes, struct err *err);
	int (*end)(void *arg, const struct transfer_msg *m, struct err *err);
	/* The message that was begun could not be read to its end. */
	void (*drop)(void *arg);
	int (*folder_end)(void *arg, struct err *err);
	void *arg;
};

/* A message at which another server has hung up. */
struct transfer_broken {
	char *folder;
	uint32_t uidvalidity, uid;
	unsigned alone; /* how often, when it alone was asked for */
	/* With uid 0: where messages were listed, sequence numbers; 0: where
	 * the folder was opened. */
	uint32_t from, to;
};

#define TRANSFER_BROKEN_MAX   200
#define TRANSFER_BROKEN_ALONE 2 /* after that it is left out */

/* What all sources and sinks work with. */
struct transfer {
	struct broker *broker;
	struct report *report;
	/* The session of our own server, whose BINARY[] is the message to the
	 * last byte, while BODY[] has '?' for NUL. */
	const struct imap_client *own;
	const char *into; /* the folder that all goes below, or NULL */
	/* "NAME=FOLDER": what is NAME or below it goes to FOLDER. */
	const char **map;
	size_t nmap;
	const char *self; /* the source's own name without a path, or NULL */
	int64_t as_of; /* of our own server: as it was then, seconds; 0: now */
	const char **only; /* if not empty: these folders only */
	size_t nonly;
	/* Kept from one connection to the next. */
	struct transfer_broken broken[TRANSFER_BROKEN_MAX];
	size_t nbroken, learnt; /* how often something was noted there */
	bool one_by_one;	/* a server has hung up at several */
	bool hidden; /* also folders that come only when they are named */
};

/* INBOX is the same in any case [RFC 9051 5.1]. */
bool transfer_same_name(struct sv a, struct sv b);
/* Is that folder one of those that were asked for? */
bool transfer_wants_folder(const struct transfer *x, struct sv name);

/* ---- sources (from_NAME.c) ---- */

int from_maildir(
    struct transfer *x, const struct sink *to, struct err *err) RC_USE_RESULT;
/* The Maildirs in a folder of another source's, as that mailbox and below it;
 * dir ends in '/'.  Counting: only how many messages there are. */
int from_maildir_at(struct transfer *x, const struct sink *to, bool counting,
    struct sv dir, struct sv name, struct err *err) RC_USE_RESULT;
/* A file, or with path "" all files of the folder and those below. */
int from_mbox(struct transfer *x, const char *path, const struct sink *to,
    struct err *err) RC_USE_RESULT;
/* The same with files of one message each. */
int from_eml(struct transfer *x, const char *path, const struct sink *to,
    struct err *err) RC_USE_RESULT;
/* All mailboxes of a session that is logged in. */
int from_imap(struct transfer *x, struct imap_client *c, const struct sink *to,
    struct err *err) RC_USE_RESULT;

/* ---- sinks (to_NAME.c) ---- */

enum files_format {
	FILES_MAILDIR,
	FILES_MBOX,
	FILES_EML
};

struct to_files;
struct to_files *to_files_new(struct transfer *x, enum files_format format);
void to_files_free(struct to_files **t);
void to_files_sink(struct to_files *t, struct sink *out);
/* Writes what is to be written at the end. */
int to_files_end(struct to_files *t, struct err *err) RC_USE_RESULT;

struct state;
struct to_imap;
/* All are borrowed. */
struct to_imap *to_imap_new(
    struct transfer *x, struct imap_client *c, struct state *state);
void to_imap_free(struct to_imap **t);
/*
 * To be called first: learns the folders, and finds out what came of a run
 * that was broken off.
 */
int to_imap_begin(struct to_imap *t, struct err *err) RC_USE_RESULT;
void to_imap_sink(struct to_imap *t, struct sink *out);
/*
 * Where an earlier run has brought something: a pass over the source with this
 * sink shows what is still there, before the one that brings; so that what was
 * moved there meanwhile is moved here, and does not come twice.
 */
bool to_imap_wants_survey(const struct to_imap *t);
void to_imap_survey_sink(struct to_imap *t, struct sink *out);
void to_imap_surveyed(struct to_imap *t);
int to_imap_end(struct to_imap *t, struct err *err) RC_USE_RESULT;
/* The source has broken off: what came whole is sent, if that can be. */
void to_imap_save(struct to_imap *t);

/* ---- folders.tsv: what no format of files can say ---- */

/*
 * An export writes a file folders.tsv: one line for each folder, its path, its
 * name, and its special uses.  An import reads it, if it is there.
 */
#define FOLDERS_FILE "folders.tsv"

struct folder_map {
	struct buf text;
};

/* Fine if there is none. */
void folder_map_load(struct folder_map *m, struct broker *b);
void folder_map_fini(struct folder_map *m);
/* False: it is not listed. */
bool folder_map_find(
    const struct folder_map *m, struct sv path, struct transfer_folder *out);
void folder_map_put(
    struct buf *out, struct sv path, const struct transfer_folder *f);

#endif
