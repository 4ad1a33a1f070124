/*
 * Names and small files of Maildirs and exports, and the state of an import.
 */
#include <stdint.h>

#include "imap/transfer/index.h"
#include "imap/transfer/lines.h"
#include "imap/transfer/maildir.h"
#include "imap/transfer/mh.h"
#include "imap/transfer/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
maildir(struct sv in)
{
	struct sv first = sv_split(&in, '\n');
	struct maildir_keywords k;
	struct buf b, info;
	unsigned n;

	buf_init(&b, 1 << 20);
	buf_init(&info, 1 << 20);
	maildir_keywords_parse(in, &k, &n);
	maildir_flags(first, &k, &b, &n);
	maildir_info(buf_sv(&b), &k, &info, &n);
	buf_reset(&b);
	maildir_keywords_print(&k, &b);
	buf_reset(&b);
	if (maildir_folder_name(first, &b) == RC_OK) {
		buf_reset(&info);
		(void)!maildir_folder_dir(buf_sv(&b), &info);
	}
	buf_reset(&b);
	maildir_subscriptions(in, &b);
	buf_reset(&b);
	(void)mh_is_message(first);
	mh_flags(in, first, &b);
	maildir_keywords_fini(&k);
	buf_fini(&info);
	buf_fini(&b);
}

static void
index_file(struct sv in)
{
	struct file_entry e;
	struct file_index x;

	file_index_init(&x, 1 << 20);
	buf_addsv(&x.text, in);
	file_index_sort(&x);
	(void)file_index_find(&x, sv_split(&in, '\t'), &e);
	file_index_fini(&x);
}

static void
state(struct sv in)
{
	struct state *s = state_new();
	struct buf b;

	buf_init(&b, 4096);
	state_put_head(SV("x"), &b);
	state_feed(s, buf_sv(&b));
	state_feed(s, in);
	(void)!state_loaded(s);
	buf_fini(&b);
	state_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	struct lines_in to = {.last = '\0'};
	struct lines_out from = {.cr = false};
	struct buf b;

	maildir(in);
	index_file(in);
	state(in);
	buf_init(&b, 1 << 21);
	(void)lines_to_crlf(&to, in, &b);
	(void)lines_to_lf(&from, in, &b);
	(void)lines_to_lf_end(&from, &b);
	buf_fini(&b);
	return 0;
}
