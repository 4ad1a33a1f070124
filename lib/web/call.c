#include "web/site_priv.h"

/* In the loop's thread. */
static void
finish(void *arg)
{
	struct web_call *c = arg;
	struct msg reply = c->reply;

	c->done(c, c->rc, &reply);
	msg_fini(&reply);
}

void
web_call_finish(struct web_call *c)
{
	ev_post(http_later_loop(c->later), finish, c);
}

/* In the main loop's. */
static void
on_reply(int rc, struct msg *reply, void *arg)
{
	struct web_call *c = arg;

	c->rc = rc;
	if (rc == RC_OK) {
		c->reply = *reply;
		msg_init(reply, 0);
	} else {
		msg_init(&c->reply, 0);
	}
	web_call_finish(c);
}

void
web_call_auth(struct web_call *c, struct msg *m, int64_t ms)
{
	peer_ask_later(c->site->auth, m, ms, on_reply, c);
}
