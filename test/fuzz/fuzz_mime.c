/* A whole message: structure, renderings, texts, summary and back. */
#include <stddef.h>
#include <stdint.h>

#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct mime_msg *m, size_t size)
{
	uint32_t i;

	for (i = 0; i < m->n; i++) {
		const struct mime_part *p = &m->part[i];

		must(p->header_off + p->header_len <= p->body_off);
		must(p->body_off + p->body_len <= size);
		must(p->kind != MIME_KIND_MESSAGE ||
		     p->first_child != MIME_NONE);
		must(i == 0 || p->parent < i);
	}
}

/* The message as a body, decoded in pieces: the same as at once. */
static void
pieces(struct sv msg, enum mime_encoding enc)
{
	struct mime_decoder d = {.enc = enc};
	size_t step = 1 + msg.n % 97, at;
	struct buf raw, whole, got;

	if (msg.n >= MIME_DECODE_LEFT)
		return;
	buf_init(&raw, MIME_DECODE_LEFT);
	buf_init(&whole, 1 << 20);
	buf_init(&got, 1 << 20);
	mime_decode_body(msg, enc, &whole);
	for (at = 0; at < msg.n; at += step) {
		buf_addsv(&raw, sv_first(sv_skip(msg, at), step));
		buf_consume(&raw, mime_decode_some(&d, buf_sv(&raw),
				      at + step >= msg.n, &got));
	}
	must(raw.n == 0 && sv_eq(buf_sv(&got), buf_sv(&whole)));
	buf_fini(&got);
	buf_fini(&whole);
	buf_fini(&raw);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct sv msg = sv_of(data, size);
	struct mime_summary s;
	struct mime_msg m;
	struct buf out;
	uint32_t i;

	if (size > 0 && data[0] & 1) { /* small limits are met more often */
		lim.depth = 3;
		lim.parts = 5;
		lim.header_bytes = 100;
		lim.header_fields = 4;
	}
	pieces(msg, MIME_ENC_BASE64);
	pieces(msg, MIME_ENC_QP);
	buf_init(&out, 64u << 20);
	mime_parse(msg, &lim, &m);
	check(&m, size);
	for (i = 0; i < m.n; i++) {
		buf_reset(&out);
		if (m.part[i].kind == MIME_KIND_TEXT)
			mime_part_text(msg, &m, i, &out);
	}
	mime_msg_fini(&m);
	buf_reset(&out);
	mime_summarise(msg, &lim, &out);
	must(mime_summary_decode(buf_sv(&out), &s) == RC_OK);
	check(&s.msg, size);
	mime_summary_fini(&s);
	/* The message itself as a summary: damaged ones. */
	if (mime_summary_decode(msg, &s) == RC_OK)
		mime_summary_fini(&s);
	buf_fini(&out);
	return 0;
}
