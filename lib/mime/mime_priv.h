/* Inside lib/mime only. */
#ifndef MIME_PRIV_H
#define MIME_PRIV_H

#include "mime/mime.h"

/* ---- ctype.c: values of the shape "type/subtype; name=value; ..." ---- */

struct mime_ctype {
	struct sv type, subtype; /* into the value; type.n == 0: unreadable */
	struct sv params;	 /* from the first ';' on */
};
/* Content-Type; subtype is empty where there is no readable one. */
struct mime_ctype mime_ctype_parse(struct sv value);
/* Content-Disposition, Content-Transfer-Encoding: one word in `type`. */
struct mime_ctype mime_word_parse(struct sv value);
enum mime_encoding mime_encoding_of(struct sv cte_value);

/*
 * The parameters behind the words, with the pieces of RFC 2231 put together:
 * name*0, name*1 become name, or name* if any piece is percent-encoded.
 */
struct mime_kv {
	struct sv name, value; /* into text */
};
struct mime_params {
	struct buf text;
	struct mime_kv *kv;
	size_t n;
};
#define MIME_PARAMS_MAX 200 /* what follows is not looked at */
void mime_params_parse(struct sv params, struct mime_params *out);
void mime_params_fini(struct mime_params *p);
/* Value of a parameter of that name, not decoded; false if not there. */
bool mime_params_find(
    const struct mime_params *p, struct sv name, struct sv *value_out);

/* ---- decode.c ---- */

/* Two hex digits behind each mark are a byte; a mark without them stays. */
void mime_decode_hex(struct sv s, char mark, struct buf *out);

/* ---- parse.c ---- */

/* Fields of a part's header that matter here; p == NULL: not there. */
struct mime_fields {
	struct sv content_type, cte, id, description, disposition, language,
	    location, md5;
};
void mime_fields_get(struct sv header, struct mime_fields *out);

/*
 * Room for the addresses of a header where they are rendered: a list of broken
 * bits becomes many times as long, for everybody who looks at the folder.  So
 * many of a field, and so many bytes of all fields.
 */
#define MIME_ADDRESSES_MAX 1000

struct mime_room {
	unsigned count;
	size_t bytes;
};

static inline struct mime_room
mime_room_for(size_t header_bytes, bool top)
{
	return (struct mime_room){
	    MIME_ADDRESSES_MAX, (top ? 16384 : 2048) + 3 * header_bytes};
}

static inline bool
mime_has_room(const struct mime_room *r)
{
	return r->count > 0 && r->bytes > 0;
}

static inline void
mime_took_room(struct mime_room *r, size_t bytes)
{
	r->count--;
	r->bytes -= bytes < r->bytes ? bytes : r->bytes;
}

static inline struct sv
mime_part_header(struct sv msg, const struct mime_part *p)
{
	return sv_of(msg.p + p->header_off, p->header_len);
}

static inline struct sv
mime_part_body(struct sv msg, const struct mime_part *p)
{
	return sv_of(msg.p + p->body_off, p->body_len);
}

#endif
