/* What became of messages, as `trace` and `reports` tell it. */
#include "base/clk.h"
#include "history/ask.h"
#include "history/words.h"
#include "web/admin/admin_priv.h"

#define STORIES_MAX 20
#define STORY_BYTES (1u << 20)
#define DAY_MS	    86400000
#define COMMAND	    "hearthmail trace"
#define REST_BYTES  1024

static int
ask(void *arg, struct msg *m, struct msg *reply)
{
	const struct visit *v = arg;

	return peer_call_later(v->o->history, m, ADMIN_WAIT_MS, reply);
}

static struct sv
account_of(void *arg, struct sv address)
{
	const struct visit *v = arg;

	return sv_str(conf_account_of(v->conf, address));
}

static void
put_story(struct visit *v, const struct history_story *s)
{
	struct buf words;

	buf_init(&words, 4 * PAGE_BODY_MAX);
	history_story_words(s->step, s->n, &words);
	if (!buf_ok(&words))
		page_say(&v->p, "p", W_ADMIN_TRACE_CUT);
	admin_lines(v, buf_sv(&words), REST_BYTES, COMMAND);
	buf_fini(&words);
}

/* The newest first: a browser begins at the top. */
static int
put_stories(struct visit *v, const struct history_ask *a,
    const struct history_list *l, struct err *err)
{
	struct history_story s;
	int r = RC_OK;
	size_t i;

	for (i = 0; r == RC_OK && i < l->n && admin_room(v, 4096) > 0; i++) {
		r = history_ask_story(a, l->story[i], &s, err);
		if (r == RC_OK && s.n > 0)
			put_story(v, &s);
		history_story_fini(&s);
	}
	if (i < l->n || l->more)
		page_say(&v->p, "p", W_ADMIN_CUT, page_text(SV(COMMAND)));
	return r;
}

static void
put_found(struct visit *v, struct sv which)
{
	const struct history_ask a = {.ask = ask,
	    .account = account_of,
	    .arg = v,
	    .limit = STORIES_MAX,
	    .bytes = STORY_BYTES};
	struct history_list l;
	struct err err = {.text = ""};
	int r = history_ask_find(&a, which, &l, &err);

	if (r == RC_SYNTAX) {
		page_notice(&v->p, PAGE_WARN, W_ADMIN_TRACE_LONG);
		return;
	}
	if (r == RC_OK && l.n == 0)
		page_say(&v->p, "p", W_ADMIN_TRACE_NONE,
		    page_count((uint64_t)(v->conf->history.keep_ms / DAY_MS)));
	if (r == RC_OK)
		r = put_stories(v, &a, &l, &err);
	if (r != RC_OK)
		page_notice_text(&v->p, PAGE_WARN, sv_str(err.text));
	history_list_fini(&l);
}

void
admin_get_trace(struct visit *v)
{
	struct buf which;

	(void)admin_field(v->ask.query, "which", &which);
	page_form_get(&v->p, "/admin/trace");
	page_field(&v->p, &(struct page_field){.name = "which",
			      .label = W_ADMIN_TRACE_WHICH,
			      .value = buf_sv(&which)});
	page_button(&v->p, W_ADMIN_SEARCH, PAGE_BUTTON_MAIN);
	page_form_end(&v->p);
	if (v->conf->history.keep_ms == 0)
		page_say(&v->p, "p", W_ADMIN_TRACE_OFF);
	else if (which.n > 0)
		put_found(v, buf_sv(&which));
	buf_fini(&which);
}

void
admin_get_reports(struct visit *v)
{
	admin_put_errand(v, ERRAND_REPORTS, "hearthmail reports");
}
