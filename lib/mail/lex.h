/*
 * The words of RFC 5322 header fields: blanks and comments, atoms, quoted
 * strings, phrases, domains.
 *
 * Each function looks at the front of *s, cuts off what it takes, and appends
 * its value to out.  They are for reading what somebody else wrote, so they
 * are lenient: bytes above 127 are letters [RFC 6532], line breaks count as
 * blanks wherever they are, and what is not closed ends with the input.  All
 * are linear in what they take; comments nest without recursion.
 */
#ifndef MAIL_LEX_H
#define MAIL_LEX_H

#include "base/buf.h"

/* atext, or part of a character beyond ASCII. */
bool mail_is_atext(char c);

/*
 * CFWS.  comment (may be NULL) is set to the text of the last comment, inner
 * parentheses included, if there was one.  True if anything was skipped.
 */
bool mail_skip_cfws(struct sv *s, struct buf *comment);

/* 1*atext, without blanks around; false if there is none. */
bool mail_take_atom(struct sv *s, struct buf *out);
/*
 * quoted-string, *s begins with its first quote: the content without quotes
 * and backslashes.  False if it was not closed.
 */
bool mail_take_quoted(struct sv *s, struct buf *out);
/*
 * phrase = 1*word / obs-phrase, and CFWS behind it.  Words that were apart
 * are joined by one space.  False if there is no word.
 */
bool mail_take_phrase(struct sv *s, struct buf *out);
/*
 * local-part = dot-atom / quoted-string / obs-local-part, and CFWS behind it.
 * The value has no quotes.  False if there is none.
 */
bool mail_take_local(struct sv *s, struct buf *out, struct buf *comment);
/*
 * domain = dot-atom / domain-literal / obs-domain, and CFWS around it.  False
 * if there is none.
 */
bool mail_take_domain(struct sv *s, struct buf *out, struct buf *comment);

#endif
