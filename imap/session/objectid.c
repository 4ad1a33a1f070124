#include "imap/session/session_priv.h"

void
imap_put_mailboxid(struct buf *out, uint64_t epoch, uint32_t id)
{
	buf_addf(out, "M%016llx-%u", (unsigned long long)epoch, id);
}

void
imap_put_emailid(struct buf *out, uint64_t epoch, uint64_t body)
{
	buf_addf(out, "E%016llx-%llu", (unsigned long long)epoch,
	    (unsigned long long)body);
}

uint64_t
imap_emailid_body(struct sv id, uint64_t epoch)
{
	struct sv number = sv_skip(id, sv_rchr(id, '-') + 1);
	struct buf b;
	uint64_t body;
	bool same;

	if (sv_to_u64(number, UINT64_MAX, &body) != RC_OK)
		return 0;
	/* An identifier is as it is written: no other case, no zeros more. */
	buf_init(&b, 64);
	imap_put_emailid(&b, epoch, body);
	same = sv_eq(buf_sv(&b), id);
	buf_fini(&b);
	return same ? body : 0;
}
