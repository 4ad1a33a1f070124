#include "imap/session/session_priv.h"

#include <inttypes.h>

/*
 * THREADID [RFC 8474 5.2].  Messages belong together if their References, or
 * else In-Reply-To, begin with the same message: a thread is named after the
 * Message-ID of its first one.  Nothing but a message's own header decides, so
 * that it stays what it is wherever the message goes, also when others of its
 * thread come later or are gone; therefore this must never be changed.
 */

#define FNV_BASIS 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

/* msg-id = "<" ... ">", the first in a field; empty if there is none. */
static struct sv
first_id(struct sv header, struct sv field)
{
	struct sv value, id;
	size_t i;

	if (!mime_field_find(header, field, &value))
		return SV("");
	id = sv_skip(value, sv_chr(value, '<'));
	for (i = 0; i < id.n && id.p[i] > ' ' && id.p[i] != '>'; i++)
		;
	return i > 1 && i < id.n && id.p[i] == '>' ? sv_first(id, i + 1)
						   : SV("");
}

static uint64_t
hash(struct sv s)
{
	uint64_t h = FNV_BASIS;
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * FNV_PRIME;
	return h;
}

void
imap_put_threadid(
    struct buf *out, struct sv header, uint64_t epoch, uint64_t body)
{
	struct sv root = first_id(header, SV("References"));

	if (root.n == 0)
		root = first_id(header, SV("In-Reply-To"));
	if (root.n == 0)
		root = first_id(header, SV("Message-ID"));
	/* One without names is alone, with its copies. */
	if (root.n == 0)
		buf_addf(out, "T%016" PRIx64 "-%" PRIu64, epoch, body);
	else
		buf_addf(out, "T%016" PRIx64, hash(root));
}

bool
imap_load_header(struct imap_session *s, const struct store_msg *m,
    struct imap_summary *x, struct buf *out)
{
	const struct mime_part *part;
	uint64_t len;
	char *p;

	buf_reset(out);
	if (!imap_summary_load(x, s->store, m))
		return false;
	part = &x->sum.msg.part[0];
	len = part->header_len;
	if (part->header_off > m->size || len > m->size - part->header_off)
		len = 0;
	p = buf_reserve(out, (size_t)len);
	if (p == NULL ||
	    (len > 0 && store_read(s->store, m->body, part->header_off, p,
			    (size_t)len) != RC_OK))
		return false;
	buf_added(out, (size_t)len);
	return true;
}
