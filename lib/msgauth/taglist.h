/*
 * tag=value lists [RFC 6376 3.2]: DKIM signatures and keys, ARC fields, DMARC
 * records.  Pure; all slices point into the text.
 */
#ifndef MSGAUTH_TAGLIST_H
#define MSGAUTH_TAGLIST_H

#include "base/sv.h"

#define TAGLIST_MAX 64

struct taglist_tag {
	struct sv name;
	struct sv value; /* without blanks at both ends; those within remain */
	struct sv raw;	 /* with them: all between "=" and ";" */
};

struct taglist {
	struct taglist_tag tag[TAGLIST_MAX];
	size_t n;
};

/*
 * The whole text.  RC_SYNTAX: not a tag-list, or a tag is there twice;
 * RC_TOOBIG: more than TAGLIST_MAX tags.  Bytes above 127 may be in values
 * [RFC 8616 3].  empty_ok: nothing between two semicolons is passed over, as
 * web forms for DNS records leave it; not in what is signed.
 */
int taglist_parse(
    struct sv text, bool empty_ok, struct taglist *out) RC_USE_RESULT;

/*
 * What can be read of it: what is not a tag is left out, as are tags that were
 * there before and those above TAGLIST_MAX.  For DMARC records, whose errors
 * are discarded one by one [RFC 9989 4.8].
 */
void taglist_parse_lenient(struct sv text, struct taglist *out);

/* By its name, in the case given; NULL: it is not there. */
const struct taglist_tag *taglist_find(
    const struct taglist *t, const char *name);

/* Cuts the next part of a list with colons off, blanks around it removed;
 * false at the end. */
bool taglist_next_word(struct sv *list, struct sv *word);

/* The value without any blanks, appended: base64 that was folded. */
struct buf;
void taglist_unfold(struct sv value, struct buf *out);

#endif
