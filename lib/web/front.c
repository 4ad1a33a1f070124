#include "web/front.h"

#include "base/clk.h"
#include "web/site.h"

/* So long a request may take from the end of the one before it, and a client
 * may rest. */
#define IDLE_MS 30000

static void *
open_session(const struct front_opts *o, struct buf *out)
{
	const struct http_place place = {o->loop, o->resume, o->known, o->conn};
	struct http_session *s = http_session_new(
	    o->service == CONF_METRICS ? &web_metrics_site : &web_http_site,
	    o->tls, o->arg, o->peer);

	(void)out;
	http_session_set_place(s, &place);
	return s;
}

static size_t
input(void *f, struct sv in, struct buf *out, struct front_action *act)
{
	bool end = false;
	size_t took = http_session_input(f, in, out, &end);

	if (end)
		act->what = FRONT_CLOSE;
	else if (http_session_waits(f))
		act->what = FRONT_LATER;
	return took;
}

static void
tls_started(void *f)
{
	(void)f; /* there is no STARTTLS */
}

static enum front_do
failed(void *f, enum front_failure why, const char *text, struct buf *out)
{
	(void)f;
	(void)why;
	(void)text;
	(void)out;
	return FRONT_CLOSE; /* nobody logs in here */
}

static void
bye(void *f, const char *text, struct buf *out)
{
	if (f != NULL && text == NULL)
		http_session_end(
		    f, 408, "the request took too long to come", out);
	else if (f != NULL)
		http_session_end(f, 503, text, out);
	else
		http_busy(text, clk_now(), out);
}

static void
close_session(void *f)
{
	struct http_session *s = f;

	http_session_free(&s);
}

const struct front_proto web_front = {
    .name = "web",
    .idle_ms = IDLE_MS,
    .lingers = true,
    .open = open_session,
    .input = input,
    .tls_started = tls_started,
    .failed = failed,
    .bye = bye,
    .close = close_session,
};
