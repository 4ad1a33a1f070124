/* What waits, and the actions of `hearthmail queue`. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "queue/spool/listing.h"
#include "queue/spool/spool.h"
#include "web/admin/admin_priv.h"

#define LISTING_MAX (64u << 20)
#define ROWS_MAX    50
#define CELL_BYTES  900	 /* of a text that strangers have chosen, as shown */
#define REST_BYTES  9000 /* of the page behind its last row */
#define SHOW	    "hearthmail queue show ID"
#define QUEUE	    "/admin/queue"
#define MESSAGE	    "/admin/queue/message"

static const struct deed {
	const char *name; /* as of the command */
	enum queue_action action;
	enum page_word word;
	enum page_button kind;
} deeds[] = {
    {"retry", QUEUE_RETRY, W_ADMIN_RETRY, PAGE_BUTTON_MAIN},
    {"hold", QUEUE_HOLD, W_ADMIN_HOLD, PAGE_BUTTON_PLAIN},
    {"release", QUEUE_RELEASE, W_ADMIN_RELEASE, PAGE_BUTTON_PLAIN},
    {"remove", QUEUE_REMOVE, W_ADMIN_REMOVE, PAGE_BUTTON_DANGER},
    {"bounce", QUEUE_BOUNCE, W_ADMIN_BOUNCE, PAGE_BUTTON_DANGER},
};

#define NDEEDS (sizeof deeds / sizeof deeds[0])

static const struct deed *
deed_named(struct sv name)
{
	size_t i;

	for (i = 0; i < NDEEDS; i++)
		if (sv_eq(name, sv_str(deeds[i].name)))
			return &deeds[i];
	return NULL;
}

/* ---- asking ---- */

/* On RC_OK *l is the caller's to fini. */
static int
list(struct visit *v, const struct queue_selector *s, bool attempts,
    struct queue_listing *l)
{
	const struct queue_list asked = {.attempts = attempts,
	    .s = (struct queue_selector *)(uintptr_t)s,
	    .n = 1};
	struct queue_listed listed;
	struct msg m, reply;
	int r;

	msg_init(&m, CMD_QUEUE_LIST);
	queue_list_put(&m, &asked);
	r = peer_call_later(v->o->queue, &m, ADMIN_WAIT_MS, &reply);
	if (r != RC_OK)
		return r;
	r = queue_listed_get(&reply, &listed);
	if (r == RC_OK) {
		r = listed.rc;
		queue_listing_init(l, LISTING_MAX);
		if (r == RC_OK)
			r = queue_listing_read(l, &listed);
		if (r != RC_OK)
			queue_listing_fini(l);
		queue_listed_fini(&listed);
	}
	msg_fini(&reply);
	return r;
}

/* ---- the list ---- */

/* Nobody can make a row longer than that by what they are called. */
static struct sv
cut(const struct buf *b)
{
	return admin_fit(buf_sv(b), CELL_BYTES);
}

/* "17 anna@example.org -> x@example.net and 2 more", as the command has it. */
static void
put_who(struct visit *v, const struct queue_entry *e, struct sv number,
    const struct buf *sender)
{
	struct buf to;

	buf_init(&to, PAGE_BUILD_MAX);
	if (e->nrcpt > 0)
		queue_escape(e->rcpt[0].address, &to);
	page_cell_open(&v->p);
	admin_link(v, MESSAGE, "id", number, number);
	page_say(&v->p, NULL, W_ADMIN_FROM_TO, page_text(cut(sender)),
	    page_text(cut(&to)));
	if (e->nrcpt > 1)
		page_say(
		    &v->p, NULL, W_ADMIN_AND_MORE, page_count(e->nrcpt - 1));
	page_cell_end(&v->p);
	buf_fini(&to);
}

static void
put_why(struct visit *v, const struct queue_listing *l,
    const struct queue_entry *e, struct buf *b)
{
	uint32_t i;

	buf_reset(b);
	for (i = 0; i < e->nunit && b->n < CELL_BYTES; i++) {
		buf_adds(b, i > 0 ? "; " : "");
		queue_unit_words(&e->unit[i], &l->clock, b);
	}
	page_cell(&v->p, cut(b));
}

#define NUMBER_MAX 24

/* Its number as text, and its sender in words, to be given back. */
static void
name_entry(const struct queue_entry *e, char number[NUMBER_MAX], struct buf *b)
{
	(void)snprintf(number, NUMBER_MAX, "%llu", (unsigned long long)e->id);
	buf_init(b, PAGE_BUILD_MAX);
	queue_sender_words(e, b);
}

static void
put_row(
    struct visit *v, const struct queue_listing *l, const struct queue_entry *e)
{
	char number[NUMBER_MAX];
	struct buf b;

	name_entry(e, number, &b);
	page_row(&v->p);
	page_cell_open(&v->p);
	page_check(&v->p, "id", sv_str(number), sv_str(number));
	page_cell_end(&v->p);
	put_who(v, e, sv_str(number), &b);
	page_cell_say(&v->p, W_ADMIN_PLAIN, page_size(e->size));
	page_cell_say(&v->p, W_ADMIN_PLAIN, page_time(e->arrived));
	put_why(v, l, e, &b);
	page_row_end(&v->p);
	buf_fini(&b);
}

static void
put_deeds(struct visit *v)
{
	size_t i;

	for (i = 0; i < NDEEDS; i++)
		page_button_of(&v->p, deeds[i].word, deeds[i].kind, "action",
		    sv_str(deeds[i].name));
}

/* They come in the order of their numbers. */
static size_t
first_of(struct visit *v, const struct queue_listing *l)
{
	uint64_t from = 0;
	size_t i = 0;

	(void)!admin_number(v->ask.query, "from", &from);
	while (i < l->n && l->e[i].id < from)
		i++;
	return i < l->n ? i : 0;
}

static void
put_turn(struct visit *v, const struct queue_listing *l, size_t next,
    struct sv which)
{
	char number[NUMBER_MAX];
	struct buf query;

	if (next >= l->n)
		return;
	buf_init(&query, PAGE_FOLLOW_MAX);
	(void)snprintf(
	    number, sizeof number, "%llu", (unsigned long long)l->e[next].id);
	page_query_add(&query, "from", sv_str(number));
	if (which.n > 0)
		page_query_add(&query, "which", which);
	page_turn(&v->p, QUEUE, SV(""), buf_sv(&query));
	buf_fini(&query);
}

static void
put_list(struct visit *v, const struct queue_listing *l, struct sv which)
{
	static const enum page_word heads[] = {
	    W_NONE, W_ADMIN_WHO, W_ADMIN_SIZE, W_ADMIN_CAME, W_ADMIN_WHY};
	size_t first = first_of(v, l), i;

	if (l->n == 0) {
		page_say(&v->p, "p",
		    which.n > 0 ? W_ADMIN_QUEUE_NONE : W_ADMIN_QUEUE_EMPTY);
		return;
	}
	page_form(&v->p, QUEUE);
	page_hidden(&v->p, "which", which);
	page_table(&v->p, W_ADMIN_QUEUE, heads, 5);
	for (i = first;
	     i < l->n && i < first + ROWS_MAX && admin_room(v, REST_BYTES) > 0;
	     i++)
		put_row(v, l, &l->e[i]);
	page_table_end(&v->p);
	page_say(&v->p, "p", W_ADMIN_QUEUE_COUNT, page_count(l->n),
	    page_count(i - first));
	if (l->n > 1) {
		xml_open(&v->p.x, "p", NULL);
		page_check(&v->p, "all", SV("1"),
		    sv_str(page_word(v->p.language, W_ADMIN_ALL)));
		page_say(&v->p, NULL, W_ADMIN_ALL);
		xml_close(&v->p.x);
	}
	put_deeds(v);
	page_form_end(&v->p);
	put_turn(v, l, i, which);
}

static void
put_search(struct visit *v, struct sv which)
{
	page_form_get(&v->p, QUEUE);
	page_field(&v->p, &(struct page_field){.name = "which",
			      .label = W_ADMIN_WHICH,
			      .hint = W_ADMIN_WHICH_HINT,
			      .value = which,
			      .optional = true});
	page_button(&v->p, W_ADMIN_SHOW, PAGE_BUTTON_PLAIN);
	page_form_end(&v->p);
}

static uint32_t
figure(struct visit *v, const char *name)
{
	uint64_t n = 0;

	return admin_number(v->ask.query, name, &n) && n <= UINT32_MAX
		   ? (uint32_t)n
		   : 0;
}

/* What the form before has done: numbers only, whoever has made the link. */
static void
put_done(struct visit *v)
{
	const struct queue_done d = {.messages = figure(v, "messages"),
	    .recipients = figure(v, "recipients"),
	    .busy = figure(v, "busy"),
	    .held = figure(v, "held")};
	const struct deed *deed;
	struct buf name, words;

	if (!admin_field(v->ask.query, "done", &name)) {
		buf_fini(&name);
		return;
	}
	buf_init(&words, 4096);
	deed = deed_named(buf_sv(&name));
	if (deed == NULL) {
		page_notice(&v->p, PAGE_WARN, W_ADMIN_NONE_CHOSEN);
	} else {
		queue_done_words(deed->action, &d, true, &words);
		page_notice_text(&v->p, PAGE_NEWS, sv_trim(buf_sv(&words)));
		buf_reset(&words);
		queue_busy_words(deed->action, &d, &words);
		if (words.n > 0)
			page_notice_text(&v->p, PAGE_WARN, buf_sv(&words));
	}
	buf_fini(&words);
	buf_fini(&name);
}

void
admin_get_queue(struct visit *v)
{
	struct queue_selector s = {.pick = QUEUE_PICK_ALL, .text = SV("all")};
	struct queue_listing l;
	struct buf which;
	int r;

	put_done(v);
	if (admin_field(v->ask.query, "which", &which) &&
	    queue_selector_parse(buf_sv(&which), &s) != RC_OK)
		buf_reset(&which);
	put_search(v, buf_sv(&which));
	r = list(v, &s, false, &l);
	if (r == RC_OK) {
		put_list(v, &l, buf_sv(&which));
		queue_listing_fini(&l);
	} else {
		admin_silent(v, r);
	}
	buf_fini(&which);
}

/* ---- one of them ---- */

static void
put_attempts(
    struct visit *v, const struct queue_listing *l, const struct queue_entry *e)
{
	struct buf all;
	size_t i;

	buf_init(&all, 4 * PAGE_BODY_MAX);
	for (i = 0; i < e->nattempt && buf_ok(&all); i++) {
		const struct queue_try *t = &e->attempt[i];

		queue_time_words(&l->clock, t->when, &all);
		buf_addc(&all, ' ');
		queue_escape(e->rcpt[t->rcpt].address, &all);
		buf_adds(&all, ": ");
		queue_escape(t->reply_text, &all);
		buf_addc(&all, '\n');
	}
	page_section(&v->p, W_ADMIN_ATTEMPTS);
	if (e->nattempt == 0)
		page_say(&v->p, "p", W_ADMIN_NO_ATTEMPT);
	admin_lines(v, buf_sv(&all), REST_BYTES, SHOW);
	page_section_end(&v->p);
	buf_fini(&all);
}

static void
put_everybody(
    struct visit *v, const struct queue_listing *l, const struct queue_entry *e)
{
	struct buf all;
	size_t i;

	buf_init(&all, 4 * PAGE_BODY_MAX);
	for (i = 0; i < e->nrcpt && buf_ok(&all); i++) {
		queue_recipient_words(e, i, &l->clock, &all);
		buf_addc(&all, '\n');
	}
	page_section(&v->p, W_ADMIN_RECIPIENTS);
	admin_lines(v, buf_sv(&all), PAGE_BODY_MAX / 2, SHOW);
	page_section_end(&v->p);
	buf_fini(&all);
}

static void
put_message(
    struct visit *v, const struct queue_listing *l, const struct queue_entry *e)
{
	char number[NUMBER_MAX];
	struct buf b;

	name_entry(e, number, &b);
	page_terms(&v->p);
	admin_term(v, W_ADMIN_NUMBER, sv_str(number));
	admin_term(v, W_ADMIN_FROM, cut(&b));
	if (e->owner.n > 0)
		admin_term(v, W_ADMIN_OWNER, e->owner);
	page_term(&v->p, W_ADMIN_SIZE);
	page_say(&v->p, NULL, W_ADMIN_PLAIN, page_size(e->size));
	page_term_end(&v->p);
	page_term(&v->p, W_ADMIN_CAME);
	page_say(&v->p, NULL, W_ADMIN_PLAIN, page_time(e->arrived));
	page_term_end(&v->p);
	page_terms_end(&v->p);
	if (e->held)
		page_say(&v->p, "p", W_ADMIN_HELD);
	put_everybody(v, l, e);
	put_attempts(v, l, e);
	page_form(&v->p, QUEUE);
	page_hidden(&v->p, "id", sv_str(number));
	put_deeds(v);
	page_form_end(&v->p);
	admin_link(v, "/admin/trace", "which", sv_str(number),
	    sv_str(page_word(v->p.language, W_ADMIN_SEE_TRACE)));
	buf_fini(&b);
}

void
admin_get_message(struct visit *v)
{
	struct queue_selector s = {.pick = QUEUE_PICK_ID};
	struct queue_listing l;
	int r = RC_OK;

	if (!admin_number(v->ask.query, "id", &s.id)) {
		v->status = 404;
		page_notice(&v->p, PAGE_BAD, W_ADMIN_NO_PAGE);
	} else if ((r = list(v, &s, true, &l)) != RC_OK) {
		admin_silent(v, r);
	} else {
		if (l.n > 0) {
			put_message(v, &l, &l.e[0]);
		} else {
			v->status = 404;
			page_notice(&v->p, PAGE_WARN, W_ADMIN_QUEUE_GONE,
			    page_count(s.id));
		}
		queue_listing_fini(&l);
	}
	page_go(&v->p, QUEUE, SV(""), W_ADMIN_SEE_QUEUE);
}

/* ---- actions ---- */

/* The ticked ones; how many. */
static uint32_t
chosen(struct visit *v, struct queue_selector *s)
{
	struct sv rest = v->ask.form;
	char name[FORM_NAME_MAX];
	struct buf value;
	uint32_t n = 0;
	int r;

	buf_init(&value, ADMIN_FIELD_MAX);
	while (n < ROWS_MAX && (r = form_next(&rest, name, &value)) != RC_EOF) {
		if (r == RC_OK && strcmp(name, "id") == 0 &&
		    sv_to_u64(buf_sv(&value), UINT64_MAX, &s[n].id) == RC_OK)
			s[n++].pick = QUEUE_PICK_ID;
		buf_reset(&value);
	}
	buf_fini(&value);
	return n;
}

/* All that were listed, on this page or not; which: as they were looked for. */
static uint32_t
all_of(struct sv which, struct queue_selector *s)
{
	if (which.n > 0)
		return queue_selector_parse(which, &s[0]) == RC_OK;
	s[0] =
	    (struct queue_selector){.pick = QUEUE_PICK_ALL, .text = SV("all")};
	return 1;
}

static int
act(struct visit *v, const struct deed *deed, struct queue_selector *s,
    uint32_t n, struct queue_done *done)
{
	const struct queue_act asked = {
	    .action = (uint8_t)deed->action, .s = s, .n = n};
	struct msg m, reply;
	struct buf ids;
	uint32_t i;
	int r;

	buf_init(&ids, 4096);
	for (i = 0; i < n; i++)
		if (s[i].pick == QUEUE_PICK_ID)
			buf_addf(&ids, "%s%llu", i > 0 ? " " : "",
			    (unsigned long long)s[i].id);
		else
			buf_addsv(&ids, s[i].text);
	admin_log(v, deed->name, buf_sv(&ids));
	buf_fini(&ids);
	msg_init(&m, CMD_QUEUE_ACT);
	queue_act_put(&m, &asked);
	r = peer_call_later(v->o->queue, &m, ADMIN_WAIT_MS, &reply);
	if (r != RC_OK)
		return r;
	r = queue_done_get(&reply, done);
	if (r == RC_OK)
		r = done->rc;
	msg_fini(&reply);
	return r;
}

static void
add_figure(struct visit *v, const char *name, uint32_t n)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%u", n);
	page_query_add(&v->location, name, sv_str(text));
}

void
admin_post_queue(struct visit *v)
{
	struct queue_selector s[ROWS_MAX] = {{.pick = QUEUE_PICK_ID}};
	struct queue_done done = {.rc = RC_OK};
	const struct deed *deed;
	struct buf field, which;
	uint32_t n;
	int r;

	(void)admin_field(v->ask.form, "which", &which);
	n = admin_field(v->ask.form, "all", &field) ? all_of(buf_sv(&which), s)
						    : chosen(v, s);
	buf_fini(&field);
	(void)admin_field(v->ask.form, "action", &field);
	deed = deed_named(buf_sv(&field));
	buf_fini(&field);
	if (n > 0 && deed != NULL && (r = act(v, deed, s, n, &done)) != RC_OK) {
		admin_begin(v, W_ADMIN_QUEUE);
		admin_silent(v, r);
		buf_fini(&which);
		return;
	}
	page_query_add(&v->location, "done",
	    n > 0 && deed != NULL ? sv_str(deed->name) : SV("nothing"));
	add_figure(v, "messages", done.messages);
	add_figure(v, "recipients", done.recipients);
	add_figure(v, "busy", done.busy);
	add_figure(v, "held", done.held);
	if (which.n > 0)
		page_query_add(&v->location, "which", buf_sv(&which));
	buf_fini(&which);
	admin_go(v, QUEUE);
}
