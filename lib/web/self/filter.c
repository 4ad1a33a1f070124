/* One filter: made, and changed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "web/self/self_priv.h"

#define FOLDERS_BYTES (64u << 10)
#define FOLDERS_MAX   400 /* to choose from; others can be named */
#define FOLDERS_SHOWN (16u << 10)

static const struct sv actions[PAGERULES_ACTIONS] = {
    [PAGERULES_STAYS] = SV("stay"),
    [PAGERULES_MOVES] = SV("move"),
    [PAGERULES_DELETES] = SV("delete"),
};

/* What was typed, and what is wrong with it. */
struct entered {
	uint32_t id; /* 0: a new one */
	struct buf from, to, subject, folder, new_folder;
	uint8_t action;
	bool on, seen, starred, goes_on;
	enum page_word from_wrong, to_wrong, subject_wrong, folder_wrong, wrong;
};

static void
entered_init(struct entered *e)
{
	*e = (struct entered){.on = true, .action = PAGERULES_MOVES};
	buf_init(&e->from, PAGE_FORM_MAX);
	buf_init(&e->to, PAGE_FORM_MAX);
	buf_init(&e->subject, PAGE_FORM_MAX);
	buf_init(&e->folder, PAGE_FORM_MAX);
	buf_init(&e->new_folder, PAGE_FORM_MAX);
}

static void
entered_fini(struct entered *e)
{
	buf_fini(&e->new_folder);
	buf_fini(&e->folder);
	buf_fini(&e->subject);
	buf_fini(&e->to);
	buf_fini(&e->from);
}

static void
enter(const struct pagerules_filter *f, struct entered *e)
{
	e->id = f->id;
	e->on = f->on;
	e->action = f->action;
	e->seen = f->seen;
	e->starred = f->starred;
	e->goes_on = f->goes_on;
	buf_adds(&e->from, f->from);
	buf_adds(&e->to, f->to);
	buf_adds(&e->subject, f->subject);
	buf_adds(&e->folder, f->folder);
}

/* ---- the page ---- */

/* Those that are there; one that is not yet is in the field below. */
static void
put_folders(struct self *s, struct entered *e)
{
	struct page_choice *c = xcalloc(FOLDERS_MAX + 1, sizeof *c);
	struct sv rest, none;
	struct buf lines, none_text;
	bool found = false;
	size_t n = 1, bytes = 0;

	buf_init(&lines, FOLDERS_BYTES);
	buf_init(&none_text, 1024);
	s->v->calls->folders(s->v->arg, &lines);
	page_words(s->language, W_FILTER_FOLDER_NONE, NULL, 0, &none_text);
	none = buf_sv(&none_text);
	c[0] = (struct page_choice){SV(""), none};
	for (rest = buf_sv(&lines); rest.n > 0 && n <= FOLDERS_MAX;) {
		struct sv name = sv_split(&rest, '\n');
		const bool chosen = sv_eq(name, buf_sv(&e->folder));

		bytes += 2 * name.n + 40;
		if (bytes > FOLDERS_SHOWN && !chosen)
			continue;
		c[n++] = (struct page_choice){name, name};
		found |= chosen;
	}
	if (!found && e->new_folder.n == 0)
		buf_set(&e->new_folder, buf_sv(&e->folder));
	page_choose(&s->page, "folder", W_FILTER_FOLDER, c, n,
	    found ? buf_sv(&e->folder) : SV(""));
	buf_fini(&none_text);
	buf_fini(&lines);
	free(c);
}

static void
put_words(struct self *s, const struct entered *e)
{
	page_say(&s->page, "p", W_FILTER_ALL_HINT);
	page_field(&s->page, &(struct page_field){.name = "from",
				 .label = W_FILTER_FROM,
				 .hint = W_FILTER_FROM_HINT,
				 .error = e->from_wrong,
				 .value = buf_sv(&e->from),
				 .attributes = "maxlength=\"200\"",
				 .optional = true});
	page_field(&s->page, &(struct page_field){.name = "to",
				 .label = W_FILTER_TO,
				 .hint = W_FILTER_TO_HINT,
				 .error = e->to_wrong,
				 .value = buf_sv(&e->to),
				 .attributes = "maxlength=\"200\"",
				 .optional = true});
	page_field(&s->page, &(struct page_field){.name = "subject",
				 .label = W_FILTER_SUBJECT,
				 .error = e->subject_wrong,
				 .value = buf_sv(&e->subject),
				 .attributes = "maxlength=\"200\"",
				 .optional = true});
}

static void
put_actions(struct self *s, const struct entered *e)
{
	static const enum page_word words[PAGERULES_ACTIONS] = {
	    [PAGERULES_STAYS] = W_FILTER_ACTION_STAYS,
	    [PAGERULES_MOVES] = W_FILTER_ACTION_MOVES,
	    [PAGERULES_DELETES] = W_FILTER_ACTION_DELETES,
	};
	static const uint8_t order[] = {
	    PAGERULES_MOVES, PAGERULES_STAYS, PAGERULES_DELETES};
	struct page_choice c[PAGERULES_ACTIONS];

	for (size_t i = 0; i < PAGERULES_ACTIONS; i++)
		c[i] = (struct page_choice){actions[order[i]],
		    sv_str(page_word(s->language, words[order[i]]))};
	page_choose(&s->page, "action", W_FILTER_ACTION, c, PAGERULES_ACTIONS,
	    actions[e->action]);
}

static void
put_ticks(struct self *s, const struct entered *e)
{
	const struct page_tick t[] = {
	    {"seen", W_FILTER_MARK_SEEN, W_NONE, e->seen},
	    {"starred", W_FILTER_MARK_STARRED, W_NONE, e->starred},
	    {"goes_on", W_FILTER_LET_GO_ON, W_NONE, e->goes_on},
	};

	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		page_tick(&s->page, &t[i]);
}

static void
show(struct self *s, struct entered *e)
{
	char id[16];

	(void)snprintf(id, sizeof id, "%u", e->id);
	self_begin(s, e->id == 0 ? W_FILTER_NEW : W_FILTER_EDIT, "/filters");
	if (e->wrong != W_NONE)
		page_notice(&s->page, PAGE_BAD, e->wrong);
	page_form(&s->page, "/filters/edit");
	page_hidden(&s->page, "id", sv_str(id));
	put_words(s, e);
	put_actions(s, e);
	put_folders(s, e);
	page_field(&s->page, &(struct page_field){.name = "new_folder",
				 .label = W_FILTER_FOLDER_NEW,
				 .hint = W_FILTER_FOLDER_HINT,
				 .error = e->folder_wrong,
				 .value = buf_sv(&e->new_folder),
				 .attributes = "maxlength=\"255\"",
				 .optional = true});
	put_ticks(s, e);
	page_button(&s->page, W_SAVE, PAGE_BUTTON_MAIN);
	page_form_end(&s->page);
	page_go(&s->page, "/filters", SV(""), W_FILTER_BACK);
	self_end(s);
}

static uint32_t
get_id(const struct self *s)
{
	uint64_t id = self_number(s, "id");

	return id <= UINT32_MAX ? (uint32_t)id : UINT32_MAX;
}

void
self_filter_edit(struct self *s)
{
	const struct pagerules_filter *f = NULL;
	const uint32_t id = get_id(s);
	struct pagerules r;
	struct entered e;

	s->v->calls->rules(s->v->arg, &r);
	entered_init(&e);
	if (id != 0)
		f = pagerules_find(&r, id);
	if (f != NULL)
		enter(f, &e);
	if (id != 0 && f == NULL)
		self_go(s, "/filters", "done", SV("not-there"));
	else
		show(s, &e);
	entered_fini(&e);
	pagerules_fini(&r);
}

/* ---- changed ---- */

/* One line, without blanks at its ends. */
static void
get_line(const struct self *s, const char *name, struct buf *out)
{
	struct buf b;

	self_get(s, name, out);
	for (size_t i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] < ' ' || out->p[i] == 127)
			out->p[i] = ' ';
	buf_init(&b, PAGE_FORM_MAX);
	buf_addsv(&b, sv_trim(buf_sv(out)));
	buf_set(out, buf_sv(&b));
	buf_fini(&b);
}

static void
read_form(const struct self *s, struct entered *e)
{
	struct buf action;

	buf_init(&action, 16);
	e->id = get_id(s);
	get_line(s, "from", &e->from);
	get_line(s, "to", &e->to);
	get_line(s, "subject", &e->subject);
	get_line(s, "folder", &e->folder);
	get_line(s, "new_folder", &e->new_folder);
	e->seen = self_has(s, "seen");
	e->starred = self_has(s, "starred");
	e->goes_on = self_has(s, "goes_on");
	self_get(s, "action", &action);
	e->action = PAGERULES_STAYS;
	for (uint8_t i = 0; i < PAGERULES_ACTIONS; i++)
		if (sv_eq(actions[i], buf_sv(&action)))
			e->action = i;
	buf_fini(&action);
}

/* A new name is meant where there is one. */
static struct sv
folder_of(const struct entered *e)
{
	return e->new_folder.n > 0 ? buf_sv(&e->new_folder)
				   : buf_sv(&e->folder);
}

static enum page_word
folder_wrong(struct self *s, const struct entered *e)
{
	struct sv folder = folder_of(e);
	char name[PAGERULES_FOLDER_MAX + 1];

	if (e->action != PAGERULES_MOVES)
		return W_NONE;
	if (folder.n == 0)
		return W_FILTER_FOLDER_EMPTY;
	if (folder.n > PAGERULES_FOLDER_MAX)
		return W_TEXT_LONG;
	sv_copy(folder, name, sizeof name);
	return s->v->calls->is_folder(s->v->arg, name) ? W_NONE
						       : W_FILTER_FOLDER_WRONG;
}

static bool
check(struct self *s, struct entered *e)
{
	if (e->from.n + e->to.n + e->subject.n == 0)
		e->from_wrong = W_FILTER_EMPTY;
	if (e->from.n > PAGERULES_WORDS_MAX)
		e->from_wrong = W_TEXT_LONG;
	if (e->to.n > PAGERULES_WORDS_MAX)
		e->to_wrong = W_TEXT_LONG;
	if (e->subject.n > PAGERULES_WORDS_MAX)
		e->subject_wrong = W_TEXT_LONG;
	e->folder_wrong = folder_wrong(s, e);
	if (e->action == PAGERULES_STAYS && !e->seen && !e->starred)
		e->wrong = W_FILTER_NOTHING;
	return e->from_wrong == W_NONE && e->to_wrong == W_NONE &&
	       e->subject_wrong == W_NONE && e->folder_wrong == W_NONE &&
	       e->wrong == W_NONE;
}

static int
set(void *arg, struct pagerules *r)
{
	const struct entered *e = arg;
	struct pagerules_filter *f =
	    e->id == 0 ? pagerules_add(r) : pagerules_find(r, e->id);

	if (f == NULL)
		return e->id == 0 ? RC_TOOBIG : RC_NOTFOUND;
	f->action = e->action;
	f->seen = e->seen;
	f->starred = e->starred;
	f->goes_on = e->goes_on;
	pagerules_set(&f->from, buf_sv(&e->from));
	pagerules_set(&f->to, buf_sv(&e->to));
	pagerules_set(&f->subject, buf_sv(&e->subject));
	pagerules_set(
	    &f->folder, e->action == PAGERULES_MOVES ? folder_of(e) : SV(""));
	return RC_OK;
}

void
self_filter_save(struct self *s)
{
	struct entered e;
	int r = RC_SYNTAX;

	entered_init(&e);
	read_form(s, &e);
	if (check(s, &e)) {
		r = self_change(
		    s, PAGERULES_FILTERS, set, &e, "/filters", "saved");
		e.wrong = r == RC_TOOBIG ? W_NO_ROOM : W_TRY_LATER;
	}
	if (r == RC_SYNTAX || r == RC_TOOBIG || r == RC_DENIED ||
	    r == RC_EXISTS) {
		s->out->status = 422;
		show(s, &e);
	}
	entered_fini(&e);
}
