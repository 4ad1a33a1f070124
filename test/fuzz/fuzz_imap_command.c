/*
 * The framing and the grammar of commands: the input is what a client sends.
 */
#include <stdint.h>

#include "imap/parse/fetch.h"
#include "imap/parse/frame.h"
#include "imap/parse/list.h"
#include "imap/parse/parse.h"
#include "imap/parse/search.h"
#include "imap/parse/select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct imap_limits lim = {.line = 4096,
    .literal = 1024,
    .command = 8192,
    .depth = 8,
    .elements = 200,
    .patterns = 20};

/* Productions that arguments() knows. */
#define ARGUMENTS 12

/* Reads a command with one production and writes what can be written. */
static void
arguments(struct imap_in in, int which, struct buf *out)
{
	struct imap_search search;
	struct imap_store_att store;
	struct imap_fetch fetch;
	struct imap_list list;
	struct imap_select select;
	struct imap_date_time date;
	struct rangeset set = RANGESET_EMPTY;
	struct imap_set seq;
	struct sv s;
	unsigned bits;
	bool nil;
	size_t i;

	buf_reset(out);
	switch (which) {
	case 0:
		(void)!imap_search_program(&in, &search);
		break;
	case 1:
		if (imap_fetch_atts(&in, &fetch) == RC_OK &&
		    imap_fetch_modifiers(&in, &fetch) == RC_OK)
			for (i = 0; i < fetch.nsection; i++)
				imap_put_section(out, &fetch.section[i]);
		break;
	case 2:
		(void)!imap_store_att_flags(&in, &store);
		break;
	case 3:
		if (imap_mailbox(&in, &s) == RC_OK) {
			imap_put_mailbox(out, s, in.utf8);
			imap_put_astring(out, s);
		}
		break;
	case 4:
		if (imap_sequence_set(&in, &seq) == RC_OK)
			imap_set_resolve(&seq, 77, &set);
		rangeset_fini(&set);
		break;
	case 5:
		if (imap_date_time(&in, &date) == RC_OK)
			imap_put_date_time(out, date.secs, date.zone);
		break;
	case 6:
		(void)!imap_status_atts(&in, &bits);
		break;
	case 7:
		(void)!imap_nstring(&in, &s, &nil);
		break;
	case 8:
		(void)!imap_list_args(&in, &list);
		break;
	case 9:
		if (imap_mailbox(&in, &s) == RC_OK)
			(void)!imap_select_params(&in, &select);
		break;
	case 10:
		if (imap_seq_number(&in, &seq) == RC_OK)
			imap_set_resolve(&seq, 77, &set);
		rangeset_fini(&set);
		break;
	default:
		(void)!imap_list_mailbox(&in, &s);
		break;
	}
}

static void
command(struct sv text)
{
	struct arena arena;
	struct imap_in in;
	struct buf out;
	struct sv s;
	int i;

	arena_init(&arena);
	buf_init(&out, 1 << 20);
	imap_in_init(&in, text, &lim, &arena);
	in.utf8 = text.n % 2 == 1;
	for (i = 0; i < ARGUMENTS; i++)
		arguments(in, i, &out);
	if (imap_tag(&in, &s) == RC_OK && imap_sp(&in) == RC_OK &&
	    imap_atom(&in, &s) == RC_OK && imap_sp(&in) == RC_OK)
		for (i = 0; i < ARGUMENTS; i++)
			arguments(in, i, &out);
	buf_fini(&out);
	arena_reset(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	struct imap_frame f;

	command(in);
	imap_frame_init(&f, &lim);
	while (in.n > 0) {
		/* In pieces, so that state between feeds is tried, too. */
		struct sv piece = sv_first(in, 1 + (in.n * 7) % 13);
		struct imap_literal lit;
		size_t used;

		switch (imap_frame_feed(&f, piece, &used, &lit)) {
		case IMAP_FRAME_MORE:
			break;
		case IMAP_FRAME_LITERAL:
			if (lit.size % 5 == 4)
				imap_frame_literal_stream(&f);
			else if (!imap_frame_literal_accept(&f, &lit))
				imap_frame_literal_skip(&f, &lit);
			break;
		case IMAP_FRAME_COMMAND:
			command(buf_sv(&f.text));
			imap_frame_reset(&f);
			break;
		case IMAP_FRAME_TOOLONG:
		case IMAP_FRAME_SKIPPED:
			imap_frame_reset(&f);
			break;
		}
		in = sv_skip(in, used);
	}
	imap_frame_fini(&f);
	return 0;
}
