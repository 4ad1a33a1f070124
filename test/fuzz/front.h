/*
 * What a listener says to a client before login, fuzzed: the first byte of the
 * input chooses the kind of connection and the size of the pieces in which the
 * rest comes.
 */
#ifndef TEST_FUZZ_FRONT_H
#define TEST_FUZZ_FRONT_H

#include <stdint.h>

#include "front/front.h"

/* Does what was asked for, as the listener would, with every login refused. */
static inline void
fuzz_front_act(const struct front_proto *p, void *f, struct front_action *act,
    struct buf *pending, struct buf *out)
{
	if (act->what == FRONT_STARTTLS) {
		buf_reset(pending);
		p->tls_started(f);
		act->what = FRONT_GO_ON;
	} else if (act->what == FRONT_LOGIN) {
		must(buf_ok(&act->sasl));
		act->what = p->failed(f, FRONT_DENIED, "No.", out);
		buf_wipe(&act->sasl);
	}
}

/* At most `left` bytes may stay unread while more is awaited. */
static inline void
fuzz_front(
    const struct front_proto *p, size_t left, const uint8_t *data, size_t size)
{
	struct front_opts o = {.hostname = "mail.example.org"};
	struct front_action act;
	struct buf pending, out;
	size_t i, chunk, used;
	void *f;

	if (size < 1)
		return;
	o.tls_offered = (data[0] & 1) != 0;
	o.tls = (data[0] & 2) != 0;
	o.trusted = (data[0] & 4) != 0;
	chunk = (size_t)1 + (data[0] >> 3) * 7;
	front_action_init(&act);
	buf_init(&pending, 1 << 20);
	buf_init(&out, 1 << 20);
	f = p->open(&o, &out);
	for (i = 1; act.what == FRONT_GO_ON && i < size; i += chunk) {
		buf_addsv(
		    &pending, sv_first(sv_skip(sv_of(data, size), i), chunk));
		do {
			used = p->input(f, buf_sv(&pending), &out, &act);
			must(used <= pending.n);
			buf_consume(&pending, used);
			fuzz_front_act(p, f, &act, &pending, &out);
			buf_reset(&out);
		} while (act.what == FRONT_GO_ON && pending.n > 0 && used > 0);
		must(act.what != FRONT_GO_ON || pending.n <= left);
	}
	p->close(f);
	buf_fini(&pending);
	buf_fini(&out);
	front_action_fini(&act);
}

#endif
