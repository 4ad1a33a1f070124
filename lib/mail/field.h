/*
 * Header fields: walking over them, and editing the header of a message in
 * front of its body.
 */
#ifndef MAIL_FIELD_H
#define MAIL_FIELD_H

#include "base/buf.h"

struct mail_field {
	struct sv name;	 /* without blanks before the colon */
	struct sv value; /* no blanks in front, no line break at the end; those
			    inside are still there */
	struct sv whole; /* with its line break */
};

/*
 * Takes the next field off *header; false at the end, which is an empty line
 * or the end of the bytes.  Lines end with LF, with or without a CR.  Lines
 * that are not a field (no colon, or blanks in the name, as in mbox's "From ")
 * are skipped with what is folded below them.
 */
bool mail_field_next(struct sv *header, struct mail_field *out);
/* The first of that name, ASCII case folded. */
bool mail_field_find(struct sv header, struct sv name, struct mail_field *out);
size_t mail_field_count(struct sv header, struct sv name);

/* Appends header to out without the fields of that name. */
void mail_field_remove(struct sv header, struct sv name, struct buf *out);

/*
 * Where the header of a message ends that somebody else wrote, also without
 * the empty line that should be there: at the first line that is neither a
 * field nor folded below one.  That line is text, and belongs to the body.
 * Found while the bytes come in; all else is zero at the beginning.
 */
struct mail_header_scan {
	size_t line; /* where the line at hand begins */
	size_t seen; /* how far it has been looked at */
	bool open;   /* a line with blanks in front would be folded */
	bool known;  /* the line at hand belongs to the header */
	/* Set before: a first line of text belongs to the header, whatever it
	 * is; else only the "From " of an mbox file does. */
	bool any_first;
	size_t first; /* the length of that line */
	/* When it is over: */
	size_t header; /* the bytes of all fields */
	size_t body;   /* where the body begins: behind the empty line, if there
			  is one */
};
/* all: what has come so far, from the first byte on.  True: it is over. */
bool mail_header_scan(struct mail_header_scan *s, struct sv all);
/* The same, and nothing comes any more: it ends with the bytes if not before.
 */
void mail_header_scan_end(struct mail_header_scan *s, struct sv all);

/* The loop limit [RFC 5321 6.3]: that many Received fields are a loop. */
#define MAIL_HOPS_MAX 100

/*
 * Counts fields of one name in a header that comes in pieces of any size,
 * without keeping it.  For the loop limit while a message streams by.
 */
struct mail_field_counter {
	struct sv name; /* lower case */
	size_t count;
	size_t matched;	 /* bytes of name + ':' that fit so far */
	unsigned column; /* 0: at the start of a line; saturates at 2 */
	bool cr;
	bool over; /* the empty line has passed */
};
void mail_field_counter_init(
    struct mail_field_counter *c, struct sv lower_name);
void mail_field_counter_feed(struct mail_field_counter *c, struct sv bytes);

#endif
