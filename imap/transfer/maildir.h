/*
 * The names of Maildir and Maildir++, pure:
 *
 *   cur/1700000000.M1P2.host,S=123:2,FRS   flags behind ":2,"
 *   new/1700000000.M1P2.host               not looked at yet
 *   .Sub.Folder/                           levels after dots, modified UTF-7
 *   dovecot-keywords                       "0 $Label1": what "a" stands for
 *   courierimapkeywords/:list              Courier's: names, one a line; an
 *                                          empty line; "1700000000.M1P2.host:0
 * 3"
 */
#ifndef IMAP_TRANSFER_MAILDIR_H
#define IMAP_TRANSFER_MAILDIR_H

#include <stdint.h>

#include "base/buf.h"

#define SUBSCRIPTIONS_FILE  "subscriptions"
#define MAILDIR_KEYWORDS    26
#define MAILDIR_KEYWORD_MAX 200

/* The keywords of a folder; name[0] is "a". */
struct maildir_keywords {
	char *name[MAILDIR_KEYWORDS]; /* NULL: none */
};

void maildir_keywords_fini(struct maildir_keywords *k);
/*
 * Reads a file dovecot-keywords: "NUMBER NAME" per line.  Other lines, and
 * names that cannot be keywords in IMAP, are left out; *bad_out counts them.
 */
void maildir_keywords_parse(
    struct sv text, struct maildir_keywords *out, unsigned *bad_out);
/* The letter of that keyword, which is added if there is room; NUL if not. */
char maildir_keyword_letter(struct maildir_keywords *k, struct sv name);
void maildir_keywords_print(const struct maildir_keywords *k, struct buf *out);
/* Adds the keywords of that file to flags, separated by spaces. */
void maildir_courier_keywords(
    struct sv list, struct sv base, struct buf *flags);

/*
 * The name without its flags: what stays as long as the message does.  Where a
 * file system takes no colon, programs and copies write another sign for it.
 */
struct sv maildir_base(struct sv name);
/* When it was put there, seconds since 1970, as its name says; 0: it does not.
 */
int64_t maildir_time(struct sv name);

/*
 * The flags of a file name as those of IMAP, separated by spaces: D \Draft,
 * F \Flagged, P $Forwarded, R \Answered, S \Seen, T \Deleted, small letters
 * keywords.  *unknown_out: letters that mean nothing here.
 */
void maildir_flags(struct sv name, const struct maildir_keywords *k,
    struct buf *out, unsigned *unknown_out);
/*
 * The reverse, ":2," included, in the order of the alphabet.  *lost_out
 * counts keywords for which there is no letter left.
 */
void maildir_info(struct sv flags, struct maildir_keywords *k, struct buf *out,
    unsigned *lost_out);

/*
 * ".Sub.Folder" as a mailbox's name, "Sub/Folder", and back.  What is no
 * modified UTF-7 is taken as UTF-8, or as windows-1252; \2e is a dot in a
 * name, as Dovecot's listescape writes it; "..Sub" is below the inbox, as
 * Evolution writes it.  RC_SYNTAX: no such name.
 */
int maildir_folder_name(struct sv dir, struct buf *out) RC_USE_RESULT;
/* In Maildirs of Evolution "_2E" is a dot in a name, and "_5F" a '_'. */
void maildir_evolution_name(struct buf *name, size_t from);
/* A dot in the name becomes \2e; RC_TOOBIG. */
int maildir_folder_dir(struct sv name, struct buf *out) RC_USE_RESULT;

/*
 * The names in a list of subscribed folders, each with LF: of Dovecot's
 * `subscriptions` (one on a line; of its second version "V 2" and levels
 * between tabs) or Courier's ("INBOX.Sub").  What is not a name is left out.
 */
void maildir_subscriptions(struct sv text, struct buf *out);

#endif
