/*
 * What an IMAP server says: the input is a server's bytes, read as the client
 * does, messages in literals passed by.
 */
#include <stdint.h>

#include "imap/client/response.h"
#include "imap/parse/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct imap_limits lim = {.line = 4096,
    .literal = 1024,
    .command = 8192,
    .depth = 8,
    .elements = 200};

struct reader {
	struct imap_frame frame;
	struct arena arena;
	struct imap_response r;
	bool rest;
	uint64_t pass; /* bytes of a message */
};

static int
parse(struct reader *d, struct imap_response *r)
{
	struct imap_in in;

	imap_in_init(&in, buf_sv(&d->frame.text), &lim, &d->arena);
	return d->rest ? imap_response_rest(&in, r)
		       : imap_response_parse(&in, r);
}

static void
over(struct reader *d)
{
	uint32_t validity, uid;

	if (parse(d, &d->r) == RC_OK) {
		(void)imap_capability_has(d->r.text, SV("LITERAL+"));
		(void)!imap_appenduid_parse(d->r.code_args, &validity, &uid);
	}
	d->rest = false;
	imap_frame_reset(&d->frame);
	arena_reset(&d->arena);
}

static void
literal(struct reader *d, struct imap_literal *lit)
{
	struct imap_response probe = d->r;

	if (parse(d, &probe) == RC_MORE) {
		d->r = probe;
		d->rest = true;
		d->pass = lit->size;
		imap_frame_literal_stream(&d->frame);
		return;
	}
	lit->nonsync = true;
	if (!imap_frame_literal_accept(&d->frame, lit))
		imap_frame_literal_skip(&d->frame, lit);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader d = {.rest = false};
	struct sv in = sv_of(data, size);

	imap_frame_init(&d.frame, &lim);
	arena_init(&d.arena);
	while (in.n > 0) {
		struct imap_literal lit;
		size_t used;

		if (d.pass > 0) {
			used = d.pass < in.n ? (size_t)d.pass : in.n;
			d.pass -= used;
			in = sv_skip(in, used);
			continue;
		}
		switch (imap_frame_feed(&d.frame, in, &used, &lit)) {
		case IMAP_FRAME_MORE:
			break;
		case IMAP_FRAME_LITERAL:
			literal(&d, &lit);
			break;
		case IMAP_FRAME_COMMAND:
		case IMAP_FRAME_TOOLONG:
		case IMAP_FRAME_SKIPPED:
			over(&d);
			break;
		}
		in = sv_skip(in, used);
	}
	arena_reset(&d.arena);
	imap_frame_fini(&d.frame);
	return 0;
}
