/* "Did my mail arrive?": the history, as far as it is about this account
 * (history/mine.h). */
#include <stdio.h>
#include <string.h>

#include "history/history.h"
#include "history/record.h"
#include "ipc/proto.h"
#include "web/self/self_priv.h"

#define EACH_PAGE 10
#define STEPS_MAX 15 /* of one message; the newest */
#define WHO_MAX	  10 /* recipients that are named */
#define TEXT_MAX  200
/* A page has at most PAGE_BODY_MAX: when there is so much in it, only what is
 * most important follows. */
#define MUCH 28000

/* ---- one step ---- */

/* What it is called, with {1} for whom, {2} the words, {3} when next or the
 * host. */
static enum page_word
word_of(const struct self *s, const struct history_step *h)
{
	bool mine = sv_eq(h->account, sv_str(s->v->account));

	switch ((enum history_kind)h->kind) {
	case HISTORY_ACCEPTED:
		return mine	       ? W_STEP_HANDED_IN
		       : h->peer.n > 0 ? W_STEP_CAME
				       : W_STEP_CAME_HERE;
	case HISTORY_REFUSED:
		return W_STEP_REFUSED;
	case HISTORY_DEFERRED:
		return W_STEP_DEFERRED;
	case HISTORY_STORED:
		return !mine				? W_STEP_DELIVERED
		       : (h->flags & HISTORY_JUNK) != 0 ? W_STEP_JUNK
							: W_STEP_STORED;
	case HISTORY_UNSTORED:
		return W_STEP_UNSTORED;
	case HISTORY_QUEUED:
		return W_STEP_QUEUED;
	case HISTORY_TRIED:
		return h->number > 0 ? W_STEP_TRIED : W_STEP_TRIED_LAST;
	case HISTORY_SENT:
		return W_STEP_SENT;
	case HISTORY_HANDED:
		return W_STEP_DELIVERED;
	case HISTORY_RETURNED:
		return W_STEP_RETURNED;
	case HISTORY_DELAYED:
		return W_STEP_DELAYED;
	case HISTORY_HELD:
		return W_STEP_HELD;
	case HISTORY_RELEASED:
		return W_STEP_RELEASED;
	case HISTORY_REMOVED:
		return W_STEP_REMOVED;
	case HISTORY_RETRIED:
		return W_STEP_RETRIED;
	case HISTORY_HOST:
		return W_STEP_HOST;
	case HISTORY_REMARK:
	case HISTORY_KINDS:
		break;
	}
	return W_STEP_REMARK;
}

/* The code and the words of a reply; many words begin with the code. */
static void
put_reply(const struct history_step *h, struct buf *out)
{
	struct sv text = h->text;
	uint64_t n = 0;

	if (h->code != 0 &&
	    (sv_take_u64(&text, 999, &n) != RC_OK || n != h->code))
		buf_addf(out, "%u ", h->code);
	buf_addsv(out, self_clip(h->text, TEXT_MAX));
}

static void
put_who(struct sv who, struct buf *out)
{
	unsigned n = 0;

	while (who.n > 0) {
		struct sv one = sv_split(&who, ' ');

		if (one.n == 0)
			continue;
		buf_adds(out, n > 0 ? ", " : "");
		if (n++ == WHO_MAX) {
			buf_adds(out, "...");
			return;
		}
		buf_addsv(out, self_clip(one, TEXT_MAX));
	}
}

static void
say_step(struct self *s, const char *element, const struct history_step *h)
{
	struct buf who, reply;

	buf_init(&who, 2 * HISTORY_WHO_MAX);
	buf_init(&reply, 2 * HISTORY_TEXT_MAX);
	put_who(h->who, &who);
	put_reply(h, &reply);
	page_say(&s->page, element, word_of(s, h), page_text(buf_sv(&who)),
	    page_text(buf_sv(&reply)),
	    h->kind == HISTORY_TRIED ? page_time((int64_t)h->number)
				     : page_text(h->peer));
	buf_fini(&who);
	buf_fini(&reply);
}

/* ---- one message ---- */

struct story {
	struct history_step step[STEPS_MAX];
	size_t n;
};

static void
read_story(struct sv records, struct story *out)
{
	struct history_step h;

	out->n = 0;
	while (history_record_get(&records, &h)) {
		if (out->n == STEPS_MAX)
			memmove(out->step, out->step + 1,
			    --out->n * sizeof out->step[0]);
		out->step[out->n++] = h;
	}
}

static void
show_term(struct self *s, enum page_word word, struct sv text)
{
	struct buf who;

	if (text.n == 0)
		return;
	buf_init(&who, 2 * HISTORY_WHO_MAX);
	put_who(text, &who);
	page_term(&s->page, word);
	page_show(&s->page, "span", buf_sv(&who));
	page_term_end(&s->page);
	buf_fini(&who);
}

static void
put_steps(struct self *s, const struct story *t)
{
	size_t i;

	page_details(&s->page, W_STEPS);
	page_list(&s->page);
	for (i = 0; i < t->n; i++) {
		page_item(&s->page);
		page_say(&s->page, "span", W_PLAIN, page_time(t->step[i].when));
		say_step(s, "span", &t->step[i]);
		page_item_end(&s->page);
	}
	page_list_end(&s->page);
	page_details_end(&s->page);
}

static void
put_story(struct self *s, const struct story *t)
{
	struct sv subject = SV(""), sender = SV(""), who = SV("");
	size_t i;

	if (t->n == 0)
		return;
	for (i = t->n; i-- > 0;) {
		const struct history_step *h = &t->step[i];

		subject = h->subject.n > 0 ? h->subject : subject;
		sender = h->sender.n > 0 ? h->sender : sender;
		who = h->who.n > 0 ? h->who : who;
	}
	page_box(&s->page);
	if (subject.n > 0)
		page_show(&s->page, "h2", self_clip(subject, TEXT_MAX));
	else
		page_say(&s->page, "h2", W_NO_SUBJECT);
	page_terms(&s->page);
	show_term(s, W_SENDER, sender);
	show_term(s, W_RECIPIENT, who);
	page_term(&s->page, W_WHEN);
	page_say(&s->page, "span", W_PLAIN, page_time(t->step[0].when));
	page_term_end(&s->page);
	page_term(&s->page, W_STATE);
	say_step(s, "span", &t->step[t->n - 1]);
	page_term_end(&s->page);
	page_terms_end(&s->page);
	if (t->n > 1 && s->out->body.n < MUCH)
		put_steps(s, t);
	page_section_end(&s->page);
}

/* ---- the page ---- */

static void
put_older(struct self *s, struct sv text, uint64_t before)
{
	struct buf older;
	char number[24];

	buf_init(&older, PAGE_FOLLOW_MAX);
	(void)snprintf(
	    number, sizeof number, "%llu", (unsigned long long)before);
	if (text.n > 0)
		page_query_add(&older, "q", text);
	page_query_add(&older, "before", sv_str(number));
	page_turn(&s->page, "/trace", SV(""), buf_sv(&older));
	buf_fini(&older);
}

static void
put_found(struct self *s, struct sv text, const struct trace_stories *found)
{
	struct story t;
	uint32_t i;

	if (found->rc != RC_OK) {
		page_notice(&s->page, PAGE_BAD, W_TRY_LATER);
		return;
	}
	if (found->nstory == 0)
		page_say(&s->page, "p",
		    found->more ? W_TRACE_NONE_YET : W_TRACE_NONE);
	for (i = 0; i < found->nstory; i++) {
		read_story(found->story[i].steps, &t);
		put_story(s, &t);
	}
	if (found->more && found->before > 0)
		put_older(s, text, found->before);
}

static void
find(struct self *s, struct sv text)
{
	const struct trace_mine ask = {.text = text,
	    .before = self_number(s, "before"),
	    .most = EACH_PAGE};
	struct trace_stories found;
	struct msg question, reply;

	msg_init(&question, TRACE_MINE);
	trace_mine_put(&question, &ask);
	if (s->v->calls->trace(s->v->arg, &question, &reply) != RC_OK) {
		page_notice(&s->page, PAGE_BAD, W_TRY_LATER);
		return;
	}
	if (trace_stories_get(&reply, &found) == RC_OK) {
		put_found(s, text, &found);
		trace_stories_fini(&found);
	}
	msg_fini(&reply);
}

void
self_trace(struct self *s)
{
	uint64_t days =
	    (uint64_t)(s->v->conf->history.keep_ms / (24 * 3600 * 1000LL));
	struct buf text;

	buf_init(&text, 256);
	self_get(s, "q", &text);
	self_begin(s, W_TRACE, "/trace");
	if (days == 0) {
		page_say(&s->page, "p", W_TRACE_OFF);
	} else {
		page_say(&s->page, "p", W_TRACE_ABOUT, page_count(days));
		page_form_get(&s->page, "/trace");
		page_field(&s->page, &(struct page_field){.name = "q",
					 .label = W_TRACE_WHICH,
					 .hint = W_TRACE_HINT,
					 .value = buf_sv(&text),
					 .optional = true});
		page_button(&s->page, W_SEARCH, PAGE_BUTTON_PLAIN);
		page_form_end(&s->page);
		find(s, buf_sv(&text));
	}
	self_end(s);
	buf_fini(&text);
}
