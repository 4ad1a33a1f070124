/* A part's text, decoded. */
#include "mime/mime_priv.h"

bool
mime_part_is_text(struct sv msg, const struct mime_part *p)
{
	struct mime_fields f;

	if (p->kind != MIME_KIND_OTHER)
		return p->kind == MIME_KIND_TEXT;
	mime_fields_get(mime_part_header(msg, p), &f);
	return f.content_type.p != NULL &&
	       sv_ieq(mime_ctype_parse(f.content_type).type, SV("message"));
}

void
mime_part_text(
    struct sv msg, const struct mime_msg *m, uint32_t part, struct buf *out)
{
	const struct mime_part *p = &m->part[part];
	struct mime_fields f;
	struct buf charset, bytes;
	struct sv body = mime_part_body(msg, p);

	mime_fields_get(mime_part_header(msg, p), &f);
	buf_init(&charset, 256);
	if (f.content_type.p == NULL ||
	    !mime_param(f.content_type, SV("charset"), &charset) ||
	    !buf_ok(&charset)) {
		buf_reset(&charset);
		buf_adds(&charset, "us-ascii");
	}
	if (p->encoding == MIME_ENC_IDENTITY) {
		mime_to_utf8(buf_sv(&charset), body, out);
	} else {
		buf_init(&bytes, body.n + 8);
		mime_decode_body(body, p->encoding, &bytes);
		mime_to_utf8(buf_sv(&charset), buf_sv(&bytes), out);
		buf_fini(&bytes);
	}
	buf_fini(&charset);
}
