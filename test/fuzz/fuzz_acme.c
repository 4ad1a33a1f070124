/* What a certificate authority answers: documents, dates, certificates, and an
 * order that is driven by them to its end. */
#include <stdint.h>

#include "acme/certificate.h"
#include "acme/date.h"
#include "acme/key.h"
#include "acme/order.h"
#include "acme/state.h"

#define NOW	  1790000000
#define TURNS_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line is an answer: status, then what stands for its header fields, then its
 * body; from the beginning again when there are no more. */
static void
answer(struct acme_order *o, struct sv *rest, struct sv all)
{
	struct acme_response r = {.status = 200, .nonce = SV("n")};
	struct sv line;

	if (rest->n == 0)
		*rest = all;
	line = sv_split(rest, '\n');
	if (line.n > 0) {
		static const unsigned status[] = {
		    200, 201, 400, 403, 409, 429, 500, 503};

		r.status = status[(unsigned char)line.p[0] % 8];
		line = sv_skip(line, 1);
	}
	r.location = SV("https://c/x");
	r.retry_after = sv_split(&line, '\t');
	r.body = line;
	acme_order_answer(o, &r, NOW);
}

static void
drive(struct sv all)
{
	static const char *const name[] = {"a.test", "b.test"};
	static const enum acme_way way[] = {ACME_BY_HTTP, ACME_BY_TLS};
	static struct acme_key *key;
	struct acme_order_opts opts = {.directory = "https://c/dir",
	    .account_url = "",
	    .name = name,
	    .way = way,
	    .nname = 2,
	    .ways = 3,
	    .request = SV("csr"),
	    .replaces = "a.b"};
	struct acme_order *o;
	struct sv rest = all;
	unsigned turns;

	if (key == NULL)
		key = acme_key_new();
	opts.account = key;
	o = acme_order_new(&opts);
	for (turns = 0;; turns++) {
		enum acme_next next = acme_order_next(o);

		must(turns < TURNS_MAX);
		if (next == ACME_FINISHED || next == ACME_FAILED)
			break;
		if (next == ACME_SEND)
			answer(o, &rest, all);
		else if (next == ACME_PRESENT)
			acme_order_presented(o, NULL);
		else
			acme_order_waited(o);
	}
	must(acme_order_next(o) != ACME_FAILED ||
	     acme_order_failure(o)->why[0] != '\0');
	acme_order_free(&o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv all = sv_of(data, size);
	struct acme_authorization a;
	struct acme_certificate c;
	static struct acme_key *key;
	struct acme_directory d;
	struct acme_order_said o;
	struct acme_problem p;
	struct acme_window w;
	struct acme_state s;
	struct err err;
	struct buf out;

	if (key == NULL)
		key = acme_key_new();
	(void)acme_problem_read(all, &p);
	(void)!acme_directory_read(all, &d, &err);
	(void)!acme_order_read(all, &o, &err);
	(void)!acme_authorization_read(all, &a, &err);
	(void)!acme_window_read(all, &w, &err);
	(void)!acme_certificate_read(all, &c, &err);
	must(acme_retry_after(all, NOW) >= -1);
	must(acme_retry_after(all, NOW) <= ACME_WAIT_MAX_S);
	(void)acme_rfc3339(all);
	buf_init(&out, ACME_CHAIN_MAX);
	(void)!acme_chain_clean(all, key, &out, &err);
	buf_fini(&out);
	/* What is read of a state is written, and read again. */
	if (acme_state_read(all, &s, &err) == RC_OK) {
		buf_init(&out, ACME_STATE_MAX * 2);
		acme_state_print(&s, &out);
		acme_state_fini(&s);
		if (out.n <= ACME_STATE_MAX)
			must(acme_state_read(buf_sv(&out), &s, &err) == RC_OK);
		acme_state_fini(&s);
		buf_fini(&out);
	}
	if (size < 20000)
		drive(all);
	return 0;
}
