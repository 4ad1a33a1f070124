/*
 * POP3 before login: the first byte says how the connection is and in which
 * pieces the rest comes.
 */
#include <stddef.h>
#include <stdint.h>

#include "pop3/front/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
act_on(void *f, struct front_action *act, struct buf *pending, struct buf *out)
{
	if (act->what == FRONT_STARTTLS) {
		buf_reset(pending);
		pop3_front_proto.tls_started(f);
		act->what = FRONT_GO_ON;
	} else if (act->what == FRONT_LOGIN) {
		must(buf_ok(&act->sasl));
		act->what = pop3_front_proto.failed(
		    f, FRONT_DENIED, "wrong name or password", out);
		buf_wipe(&act->sasl);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct front_opts o = {.hostname = "mail.example.org"};
	struct front_action act;
	struct buf pending, out;
	size_t i, chunk, used;
	void *f;

	if (size < 1)
		return 0;
	o.tls_offered = (data[0] & 1) != 0;
	o.tls = (data[0] & 2) != 0;
	o.trusted = (data[0] & 4) != 0;
	chunk = (size_t)1 + (data[0] >> 3) * 7;
	front_action_init(&act);
	buf_init(&pending, 1 << 20);
	buf_init(&out, 1 << 20);
	f = pop3_front_proto.open(&o, &out);
	for (i = 1; act.what == FRONT_GO_ON && i < size; i += chunk) {
		buf_addsv(
		    &pending, sv_first(sv_skip(sv_of(data, size), i), chunk));
		do {
			used = pop3_front_proto.input(
			    f, buf_sv(&pending), &out, &act);
			must(used <= pending.n);
			buf_consume(&pending, used);
			act_on(f, &act, &pending, &out);
			buf_reset(&out);
		} while (act.what == FRONT_GO_ON && pending.n > 0 && used > 0);
		/* What is left unread is bounded. */
		must(act.what != FRONT_GO_ON || pending.n <= POP3_LINE_MAX);
	}
	pop3_front_proto.close(f);
	buf_fini(&pending);
	buf_fini(&out);
	front_action_fini(&act);
	return 0;
}
