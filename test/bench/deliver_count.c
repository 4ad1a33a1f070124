/*
 * Stores so many messages, one flush each, and says nothing: to be run under a
 * tool that counts instructions, which are the same on a busy machine.
 *
 *   deliver_count folder messages
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "store/store.h"

static void
deliver(struct store *st, uint32_t i)
{
	struct store_add add = {.mailbox = "INBOX"};
	struct store_body *body = store_body_new(st);
	struct store_added added;
	struct err err;
	struct buf text;
	uint64_t need = 0;
	int line;

	buf_init(&text, 65536);
	buf_addf(&text,
	    "From: Anna Berg <anna@example.org>\r\n"
	    "To: ben@example.org, \"Cleo, C.\" <cleo@example.org>\r\n"
	    "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= %u\r\n"
	    "Date: Tue, 24 Nov 2026 11:36:46 +0100\r\n"
	    "Message-ID: <%u@example.org>\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
	    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
	    i, i);
	for (line = 0; line < 40; line++)
		buf_adds(&text, "A line of text as people write them.\r\n");
	buf_adds(
	    &text, "--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n--b--\r\n");
	must(buf_ok(&text));
	must(store_body_add(body, text.p, text.n) == RC_OK);
	must(store_add(st, &body, &add, &added, &need, &err) == RC_OK);
	must(store_flush(st, need) == RC_OK);
	store_body_free(&body);
	buf_fini(&text);
}

int
main(int argc, char **argv)
{
	const struct store_opts opts = {.retention_ms = 0};
	struct store *st = NULL;
	struct err err;
	uint32_t n, i;

	log_setup("count", LOG_NOTHING);
	if (argc != 3 || sv_to_u32(sv_str(argv[2]), 100000, &n) != RC_OK) {
		fputs("usage: deliver_count folder messages\n", stderr);
		return 2;
	}
	if (store_open(argv[1], &opts, &st, &err) != RC_OK) {
		fprintf(stderr, "deliver_count: %s\n", err.text);
		return 1;
	}
	for (i = 0; i < n; i++)
		deliver(st, i);
	store_close(&st);
	return 0;
}
