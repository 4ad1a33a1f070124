/*
 * What an import makes of a file before it takes it for a message: its first
 * bytes, the fields of other programs, Apple's and compressed files, names.
 */
#include <stdint.h>

#include "imap/transfer/emlx.h"
#include "imap/transfer/fields.h"
#include "imap/transfer/look.h"
#include "archive/unpack.h"
#include "imap/transfer/usual.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (1u << 20)

static int
count(void *arg, struct sv piece)
{
	size_t *n = arg;

	*n += piece.n;
	return *n > OUT_MAX ? RC_TOOBIG : RC_OK;
}

static void
unpack(struct sv in, enum unpack_how how, size_t step)
{
	struct unpack *u = unpack_new(how);
	size_t n = 0;
	int r = RC_OK;

	while (in.n > 0 && r == RC_OK) {
		r = unpack_feed(u, sv_first(in, step), count, &n);
		in = sv_skip(in, step);
	}
	(void)unpack_done(u);
	unpack_free(&u);
}

static void
fields(struct sv in)
{
	static const enum fields_where froms[] = {FIELDS_FILE, FIELDS_MBOX};
	struct fields f;
	struct buf out;
	size_t i;

	for (i = 0; i < sizeof froms / sizeof froms[0]; i++) {
		buf_init(&out, OUT_MAX);
		fields_init(&f);
		fields_filter(&f, froms[i], in, &out);
		fields_fini(&f);
		buf_fini(&out);
	}
	(void)fields_is_field(in);
	(void)fields_is_known(in);
}

static void
emlx(struct sv in)
{
	struct buf flags;
	uint64_t n;
	int64_t date;
	size_t off;

	buf_init(&flags, OUT_MAX);
	(void)!emlx_head(in, &off, &n);
	emlx_plist(in, &flags, &date);
	buf_fini(&flags);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	size_t step = size > 0 ? 1 + (size_t)data[0] : 1;

	(void)look_packed(in);
	(void)look_zip(in);
	(void)look_why_not(in, false);
	(void)look_why_not(in, true);
	(void)look_message_file(sv_first(in, sv_chr(in, '\n')), in);
	(void)look_cr_only(look_skip_mark(in));
	(void)usual_use(in);
	(void)usual_inbox(in);
	(void)usual_label(in);
	fields(in);
	emlx(in);
	unpack(sv_skip(in, 1), UNPACK_AUTO, step);
	unpack(sv_skip(in, 1), UNPACK_RAW, step);
	return 0;
}
