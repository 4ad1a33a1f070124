#include "history/ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "history/record.h"
#include "history/search.h"
#include "history/words.h"
#include "ipc/proto.h"

#define SILENT "the history process does not answer; try again, and see the log"

static int
silent(struct err *err)
{
	return err_set(err, RC_TEMP, SILENT);
}

/* ---- which ---- */

struct terms {
	struct buf room; /* of their texts */
	struct history_term term[HISTORY_TERMS_MAX];
	uint32_t n;
};

static void
add_term(struct terms *t, const struct history_term *term)
{
	if (t->n < HISTORY_TERMS_MAX)
		t->term[t->n++] = *term;
}

static int
read_terms(const struct history_ask *a, struct sv which, struct terms *t,
    struct err *err)
{
	struct history_term term[HISTORY_PARSE_MAX];
	size_t i, n = history_parse(which, &t->room, term);

	if (n == 0)
		return err_set(
		    err, RC_SYNTAX, "nothing that can be looked for");
	for (i = 0; i < n; i++) {
		struct history_term account = {.kind = HISTORY_BY_ACCOUNT};

		add_term(t, &term[i]);
		if (term[i].kind != HISTORY_BY_ADDRESS)
			continue;
		account.text = a->account(a->arg, term[i].text);
		if (account.text.n > 0)
			add_term(t, &account);
	}
	return RC_OK;
}

/* One more page of messages. */
static int
find_some(const struct history_ask *a, const struct terms *t, uint64_t *before,
    struct history_list *out, struct err *err)
{
	const uint64_t left = a->limit - out->n;
	const struct trace_find asked = {.since = a->since,
	    .before = *before,
	    .most =
		(uint32_t)(left < HISTORY_FOUND_MAX ? left : HISTORY_FOUND_MAX),
	    .term = (struct history_term *)(uintptr_t)t->term,
	    .nterm = t->n};
	struct trace_found found;
	struct msg m, reply;
	uint32_t i;
	int r;

	msg_init(&m, CMD_TRACE_FIND);
	trace_find_put(&m, &asked);
	if (a->ask(a->arg, &m, &reply) != RC_OK)
		return silent(err);
	if (trace_found_get(&reply, &found) != RC_OK) {
		msg_fini(&reply);
		return silent(err);
	}
	r = found.rc;
	if (r != RC_OK)
		(void)err_set(err, r, "%.*s", SV_ARG(found.text));
	for (i = 0; r == RC_OK && i < found.nstory; i++) {
		out->story = xgrow(
		    out->story, &out->cap, out->n + 1, sizeof *out->story);
		out->story[out->n++] = found.story[i];
	}
	out->more = found.more;
	*before = found.before;
	trace_found_fini(&found);
	msg_fini(&reply);
	return r;
}

static int
find_all(const struct history_ask *a, const struct terms *t,
    struct history_list *out, struct err *err)
{
	uint64_t before = 0;
	int r;

	do
		r = find_some(a, t, &before, out, err);
	while (r == RC_OK && out->more && out->n < a->limit && before > 0);
	return r;
}

int
history_ask_find(const struct history_ask *a, struct sv which,
    struct history_list *out, struct err *err)
{
	struct terms t = {.n = 0};
	uint32_t all;
	int r;

	*out = (struct history_list){.n = 0};
	buf_init(&t.room, 65536);
	r = read_terms(a, which, &t, err);
	all = t.n;
	if (r == RC_OK && all > 1 && t.term[0].kind == HISTORY_BY_QUEUE_ID) {
		t.n = 1;
		r = find_all(a, &t, out, err);
		t.n = all;
	}
	if (r == RC_OK && out->n == 0)
		r = find_all(a, &t, out, err);
	buf_fini(&t.room);
	if (r != RC_OK)
		history_list_fini(out);
	return r;
}

void
history_list_fini(struct history_list *l)
{
	free(l->story);
	*l = (struct history_list){.n = 0};
}

/* ---- one message ---- */

static int
read_some(const struct history_ask *a, struct trace_read *asked, bool *more,
    struct history_story *s, struct err *err)
{
	struct trace_steps steps;
	struct msg m, reply;
	int r = RC_OK;

	msg_init(&m, CMD_TRACE_READ);
	trace_read_put(&m, asked);
	if (a->ask(a->arg, &m, &reply) != RC_OK)
		return silent(err);
	if (trace_steps_get(&reply, &steps) != RC_OK) {
		msg_fini(&reply);
		return silent(err);
	}
	memcpy(s->id, steps.id, sizeof s->id);
	if (steps.rc == RC_OK)
		buf_addsv(&s->bytes, steps.steps);
	else if (steps.rc != RC_NOTFOUND) /* too old by now */
		r = err_set(err, steps.rc, "%.*s", SV_ARG(steps.text));
	*more = steps.rc == RC_OK && steps.more;
	asked->from = steps.next;
	trace_steps_fini(&steps);
	msg_fini(&reply);
	return r;
}

/* The bytes become steps, as far as they are some. */
static void
decode(struct history_story *s)
{
	struct sv rest = buf_sv(&s->bytes);
	struct history_step step;
	size_t cap = 0;

	memcpy(step.id, s->id, sizeof step.id);
	while (s->n < HISTORY_STEPS_MAX && history_record_get(&rest, &step)) {
		s->step = xgrow(s->step, &cap, s->n + 1, sizeof *s->step);
		s->step[s->n++] = step;
	}
	s->n = history_arrange(s->step, s->n);
}

int
history_ask_story(const struct history_ask *a, uint64_t number,
    struct history_story *s, struct err *err)
{
	struct trace_read asked = {.story = number};
	bool more = true;
	int r = RC_OK;

	*s = (struct history_story){.n = 0};
	buf_init(&s->bytes, a->bytes);
	while (r == RC_OK && more && buf_ok(&s->bytes))
		r = read_some(a, &asked, &more, s, err);
	if (r == RC_OK)
		decode(s);
	return r;
}

void
history_story_fini(struct history_story *s)
{
	free(s->step);
	buf_fini(&s->bytes);
}
