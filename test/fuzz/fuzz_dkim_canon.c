/*
 * DKIM's canonical body in pieces against the whole, that it is its own
 * canonical form, and the choice of header fields with the text of a
 * signature.  The first byte says where to cut.
 */
#include <stddef.h>
#include <stdint.h>

#include "auth/ring.h"
#include "msgauth/canon.h"
#include "msgauth/dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put(void *arg, struct sv bytes)
{
	buf_addsv(arg, bytes);
}

static void
canon(struct sv in, size_t step, struct buf *out)
{
	struct dkim_body d;

	dkim_body_init(&d, DKIM_RELAXED, put, out);
	while (in.n > 0) {
		dkim_body_feed(&d, sv_first(in, step));
		in = sv_skip(in, step);
	}
	dkim_body_end(&d);
	must(buf_ok(out));
}

static void
body(struct sv in, size_t step)
{
	struct buf whole, pieces, again;

	buf_init(&whole, in.n + 2);
	buf_init(&pieces, in.n + 2);
	buf_init(&again, in.n + 2);
	canon(in, in.n + 1, &whole);
	canon(in, step, &pieces);
	must(sv_eq(buf_sv(&whole), buf_sv(&pieces)));
	canon(buf_sv(&whole), step, &again);
	must(sv_eq(buf_sv(&whole), buf_sv(&again)));
	buf_fini(&again);
	buf_fini(&pieces);
	buf_fini(&whole);
}

static void
header(struct sv in)
{
	uint8_t hash[DKIM_HASH] = {0};
	struct dkim_signature s = {.domain = SV("example.org"),
	    .selector = SV("s"),
	    .body_hash = hash};
	struct buf names, text, field;

	buf_init(&names, 4096);
	buf_init(&text, in.n + 4096);
	buf_init(&field, 8192);
	dkim_header_choose(in, &names, &text);
	must(buf_ok(&names) && buf_ok(&text));
	must(sv_starts(buf_sv(&names), SV("from:")));
	s.names = buf_sv(&names);
	dkim_signature_begin(&s, &field);
	must(dkim_signature_hash(buf_sv(&text), buf_sv(&field), hash) == RC_OK);
	buf_fini(&field);
	buf_fini(&text);
	buf_fini(&names);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dkim_pair pair;
	struct ring ring;
	struct sv in;

	if (size == 0)
		return 0;
	in = sv_of(data + 1, size - 1);
	body(in, data[0] % 16 + 1u);
	header(in);
	if (dkim_pair_read(in, &pair, NULL) == RC_OK)
		dkim_pair_fini(&pair);
	if (ring_read(in, 1795536046, &ring, NULL) == RC_OK) {
		must(ring.e[0].state == RING_ACTIVE);
		ring_fini(&ring);
	}
	return 0;
}
