/*
 * Splitting an mbox; and whatever is written as one is read back as it was.
 */
#include <stdint.h>
#include <stdlib.h>

#include "imap/transfer/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
on_begin(void *arg, const struct mbox_info *info)
{
	(void)info;
	buf_reset(arg);
	return RC_OK;
}

static int
on_data(void *arg, struct sv bytes)
{
	buf_addsv(arg, bytes);
	return RC_OK;
}

static int
on_end(void *arg, const struct mbox_info *info)
{
	(void)arg;
	(void)info;
	return RC_OK;
}

static void
read_all(struct sv in, size_t step, struct buf *last)
{
	const struct mbox_ops ops = {
	    .begin = on_begin, .data = on_data, .end = on_end, .arg = last};
	struct mbox m;
	int r = RC_OK;

	mbox_init(&m, &ops);
	while (in.n > 0 && r == RC_OK) {
		r = mbox_feed(&m, sv_first(in, step));
		in = sv_skip(in, step);
	}
	if (r == RC_OK)
		(void)!mbox_end(&m);
	mbox_fini(&m);
}

/* Lines with CR LF as they are: what an export does with those. */
static void
write_and_read(struct sv msg, size_t step)
{
	bool bare = msg.n > 0 && msg.p[msg.n - 1] != '\n';
	struct mbox_quote q = {.inside = false};
	struct buf file, back;
	struct sv rest = msg;

	buf_init(&file, 1 << 22);
	buf_init(&back, 1 << 22);
	mbox_put_head(&file, 1795520206, SV(""), bare);
	while (rest.n > 0) {
		mbox_put(&q, sv_first(rest, step), &file);
		rest = sv_skip(rest, step);
	}
	mbox_put_end(&q, msg.n > 0 ? (uint8_t)msg.p[msg.n - 1] : -1, &file);
	read_all(buf_sv(&file), step, &back);
	if (back.n != msg.n || memcmp(back.p, msg.p, msg.n) != 0)
		abort();
	buf_fini(&back);
	buf_fini(&file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	struct buf last, msg;
	size_t step, i;

	if (size < 2)
		return 0;
	step = 1 + (size_t)data[0];
	in = sv_skip(in, 1);
	buf_init(&last, 1 << 22);
	read_all(in, step, &last);
	buf_fini(&last);
	/* The same bytes as a message with clean lines. */
	buf_init(&msg, 1 << 22);
	for (i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			buf_addc(&msg, '\r');
		buf_addc(&msg, in.p[i]);
	}
	write_and_read(buf_sv(&msg), step);
	buf_fini(&msg);
	return 0;
}
