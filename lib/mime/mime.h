/*
 * MIME: from the bytes of a message to its structure [RFC 2045, 2046, 5322].
 *
 * mime_parse() is pure and linear in the size of the message: it cannot fail
 * on bad input, only run into a limit, behind which the rest of the message is
 * taken as one opaque part (`truncated`).  Whatever arrives by mail has some
 * meaning here; strictness is for the one who sends, not for the one who
 * reads.  Its result is one array of parts, which never points into the
 * message, so a parsed structure outlives the bytes.
 *
 * mime_summary is what the store keeps of each message, so that the common
 * questions of IMAP are answered without the message itself: rendered ENVELOPE
 * and BODYSTRUCTURE, the offsets of all parts, and the decoded header fields
 * that SEARCH and SORT ask for.
 */
#ifndef MIME_MIME_H
#define MIME_MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct mime_limits {
	uint32_t depth;	       /* nesting of multiparts and messages */
	uint32_t parts;	       /* in one message */
	uint32_t header_bytes; /* of one header block; the rest is body */
	uint32_t header_fields;
};

#define MIME_LIMITS_DEFAULT                \
	((struct mime_limits){.depth = 64, \
	    .parts = 2000,                 \
	    .header_bytes = 1 << 20,       \
	    .header_fields = 20000})

enum mime_encoding {
	MIME_ENC_IDENTITY, /* 7bit, 8bit, binary, and unknown ones */
	MIME_ENC_BASE64,
	MIME_ENC_QP
};

enum mime_kind {
	MIME_KIND_TEXT,
	MIME_KIND_OTHER,
	MIME_KIND_MULTIPART,
	MIME_KIND_MESSAGE /* message/rfc822 or message/global, parsed inside */
};

#define MIME_NONE UINT32_MAX

/*
 * Offsets are from the start of the message.  header covers the fields and
 * the empty line behind them; body what follows, without the line break that
 * belongs to the boundary.  Part 0 is the message itself.  A part of kind
 * MESSAGE has exactly one child: the inner message, whose header and body are
 * of that inner message.
 */
struct mime_part {
	uint32_t parent, first_child, next; /* indexes, MIME_NONE */
	uint64_t header_off, header_len;
	uint64_t body_off, body_len;
	uint32_t body_lines;
	uint8_t kind;	  /* enum mime_kind */
	uint8_t encoding; /* enum mime_encoding */
};

struct mime_msg {
	struct mime_part *part;
	uint32_t n;
	bool truncated; /* a limit was reached */
};

/* Never fails; release with mime_msg_fini. */
void mime_parse(
    struct sv msg, const struct mime_limits *lim, struct mime_msg *out);
void mime_msg_fini(struct mime_msg *m);

/*
 * The part that an IMAP section number names ("1.2.3" -> {1, 2, 3}),
 * [RFC 3501 6.4.5]: for a MESSAGE part the numbers go on inside it; part 1 of
 * a message that is not a multipart is its body; a multipart of which no part
 * begins is taken for plain text.  n == 0 is part 0.  MIME_NONE
 * if there is none.
 */
uint32_t mime_section(const struct mime_msg *m, const uint32_t *num, size_t n);

/* ---- header fields ---- */

/*
 * Takes the next field off *header: its name, its value unfolded or not
 * (value keeps the CRLFs inside; it excludes the final one), and the whole
 * field with its line break.  false at the end.  A line without a colon is
 * skipped.
 */
struct mime_field {
	struct sv name, value, whole;
};
bool mime_field_next(struct sv *header, struct mime_field *out);
/* First field of that name (ASCII case folded); false if there is none. */
bool mime_field_find(struct sv header, struct sv name, struct sv *value_out);

/* Removes the line breaks of folding [RFC 5322 2.2.3]; keeps the blanks. */
void mime_unfold(struct sv value, struct buf *out);
/*
 * Unfolded and with encoded words decoded to UTF-8 [RFC 2047]; raw 8-bit
 * bytes that are not UTF-8 are taken as windows-1252.  For SEARCH and display.
 */
void mime_decode_header(struct sv value, struct buf *out);
/* Every run of blanks and line breaks is one space; `ends`: also at the ends,
 * where there else is none. */
void mime_narrow(struct sv value, bool ends, struct buf *out);
/*
 * A field's text as it is shown: as the ENVELOPE narrows it, then decoded, and
 * narrow still.  Whatever looks into header text, sorts or compares it, takes
 * it from here, so that it finds what people see.
 */
void mime_header_text(struct sv value, struct buf *out);

/* ---- bodies ---- */

/* Whether the Content-Transfer-Encoding of a part with this header, if it has
 * one, is known: of others MIME_ENC_IDENTITY is no more than a guess. */
bool mime_encoding_known(struct sv header);
/* Decodes a transfer encoding; broken input yields what can be read. */
void mime_decode_body(struct sv body, enum mime_encoding enc, struct buf *out);

/*
 * The same in pieces, for bodies that are not to be in memory as a whole.
 * Begin with enc set and all else zero.  mime_decode_some appends to out and
 * returns how many bytes of the piece were used: what is left, always less
 * than MIME_DECODE_LEFT bytes, belongs in front of the next piece.  With
 * `last` all is used.  Only a quoted-printable line that is longer than that
 * may come out otherwise than from mime_decode_body: blanks at such a cut stay.
 */
#define MIME_DECODE_LEFT 16384

struct mime_decoder {
	enum mime_encoding enc;
	uint32_t acc; /* of base64: bits that are not a byte yet */
	unsigned have;
};

size_t mime_decode_some(
    struct mime_decoder *d, struct sv piece, bool last, struct buf *out);
/*
 * Converts to UTF-8.  Unknown charsets yield the ASCII bytes.  Only charsets
 * of the fixed list are known; mime_charset_setup() opens their converters
 * and must have run before the sandbox, since iconv loads modules from disk.
 */
void mime_to_utf8(struct sv charset, struct sv in, struct buf *out);
void mime_charset_setup(void);
/* Names that only bodies have, where they mean that nobody knows it
 * ("unknown-8bit"), are not known here. */
bool mime_charset_known(struct sv charset);
/* The value of a Content-Type parameter, decoded [RFC 2231]; false if it is
 * not there. */
bool mime_param(struct sv content_type_value, struct sv name, struct buf *out);
/* Does the part hold text: of kind TEXT, or a report and its like, which are
 * message/... but no message that is parsed [RFC 3464, 5965]? */
bool mime_part_is_text(struct sv msg, const struct mime_part *p);
/* The text of such a part, decoded and in UTF-8. */
void mime_part_text(
    struct sv msg, const struct mime_msg *m, uint32_t part, struct buf *out);

/* ---- IMAP renderings ---- */

/* The parenthesised ENVELOPE of part i (0 or a child of MESSAGE)
 * [RFC 3501 7.4.2]. */
void mime_envelope(
    struct sv msg, const struct mime_msg *m, uint32_t i, struct buf *out);
/* BODYSTRUCTURE (extended) or BODY of the whole message. */
void mime_bodystructure(
    struct sv msg, const struct mime_msg *m, bool extended, struct buf *out);

/* ---- the summary ---- */

/*
 * A compact, versioned, self-contained encoding.  All slices of a decoded
 * summary point into the encoded bytes.  The date is that of the Date field,
 * seconds UTC, with has_date.  Of a Date or Subject that is there twice the
 * last counts, of fields with addresses all, as in the ENVELOPE.  Addresses are
 * those of the ENVELOPE: "Anna Berg <anna@example.org>, ben@example.org".
 */
struct mime_summary {
	struct sv envelope;	     /* rendered, with parentheses */
	struct sv bodystructure;     /* rendered, extended */
	struct sv body;		     /* rendered, not extended */
	struct sv subject;	     /* UTF-8, decoded */
	struct sv from, to, cc, bcc; /* UTF-8, decoded */
	struct sv message_id;	     /* first msg-id, with its angles */
	bool has_date;
	int64_t date;
	int32_t date_zone;   /* minutes east of UTC */
	struct mime_msg msg; /* the parts; free with mime_summary_fini */
};

/* Parses msg and encodes what was found.  Never above 64 KiB and eight times
 * the message, nor 4 MiB: a message with more structure than that is summarised
 * as one opaque part. */
void mime_summarise(
    struct sv msg, const struct mime_limits *lim, struct buf *out);
/* The summary of a message that must not be parsed (its parser died twice):
 * one opaque text part, an envelope of NILs. */
void mime_summarise_opaque(uint64_t size, struct buf *out);
/* Is that of this version?  Older ones are made anew from the message. */
bool mime_summary_is_current(struct sv bytes);
/* RC_DAMAGED if the bytes are not a summary of this version. */
int mime_summary_decode(
    struct sv bytes, struct mime_summary *out) RC_USE_RESULT;
void mime_summary_fini(struct mime_summary *s);

#endif
