/* Health, and all that `hearthmail status` says. */
#include "web/admin/admin_priv.h"

#define STATUS_AGE_MS 2000

static bool
is_kind(const json_t *line, const char *kind)
{
	return sv_eq(admin_text(line, "kind"), sv_str(kind));
}

static bool
is_wrong(const json_t *line)
{
	return json_is_true(json_object_get(line, "wrong"));
}

/* "certificate: until 2026-01-01: RENEW IT" */
static void
line_words(const json_t *line, struct sv heading, struct buf *out)
{
	buf_addsv(out, heading);
	if (heading.n > 0)
		buf_adds(out, ": ");
	buf_addsv(out, admin_text(line, "text"));
}

/* Green, or the first sentence with its remedy. */
static void
put_health(struct visit *v, const json_t *lines)
{
	struct sv heading = SV("");
	struct buf first;
	uint64_t wrong = 0;
	json_t *line;
	size_t i;

	buf_init(&first, PAGE_BUILD_MAX);
	json_array_foreach(lines, i, line)
	{
		if (admin_text(line, "heading").n > 0)
			heading = admin_text(line, "heading");
		if (!is_wrong(line))
			continue;
		if (wrong++ == 0)
			line_words(line, heading, &first);
	}
	if (wrong == 0)
		page_notice(&v->p, PAGE_GOOD, W_ADMIN_WELL);
	else
		page_notice_text(&v->p, PAGE_BAD, buf_sv(&first));
	if (wrong > 1)
		page_say(&v->p, "p", W_ADMIN_MORE_WRONG, page_count(wrong - 1));
	buf_fini(&first);
}

/* What is wrong stands out. */
static void
put_cell(struct visit *v, const json_t *line)
{
	page_cell_open(&v->p);
	page_show(
	    &v->p, is_wrong(line) ? "strong" : NULL, admin_text(line, "text"));
	page_cell_end(&v->p);
}

static void
put_rows(struct visit *v, const json_t *lines, const char *kind)
{
	json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		if (!is_kind(line, kind))
			continue;
		page_row(&v->p);
		page_cell(&v->p, admin_text(line, "heading"));
		put_cell(v, line);
		page_row_end(&v->p);
	}
}

static void
put_events(struct visit *v, const json_t *lines)
{
	struct buf all;
	json_t *line;
	size_t i;

	buf_init(&all, PAGE_BUILD_MAX);
	json_array_foreach(lines, i, line) if (is_kind(line, "event"))
	{
		buf_addsv(&all, admin_text(line, "text"));
		buf_addc(&all, '\n');
	}
	page_section(&v->p, W_ADMIN_EVENTS);
	if (all.n > 0)
		page_lines(&v->p, buf_sv(&all));
	else
		page_say(&v->p, "p", W_ADMIN_NO_EVENTS);
	page_section_end(&v->p);
	buf_fini(&all);
}

void
admin_get_status(struct visit *v)
{
	static const enum page_word rows[] = {W_ADMIN_WHAT, W_ADMIN_STATE};
	static const enum page_word items[] = {W_ADMIN_PROCESS, W_ADMIN_STATE};
	const json_t *lines;
	json_t *j = NULL;
	int64_t when;
	int r = admin_errand_json(
	    v, ERRAND_STATUS, STATUS_AGE_MS, ADMIN_WAIT_MS, &j, &when);

	if (r != RC_OK) {
		admin_silent(v, r);
		return;
	}
	lines = json_object_get(j, "lines");
	put_health(v, lines);
	page_table(&v->p, W_ADMIN_SERVER_NOW, rows, 2);
	put_rows(v, lines, "row");
	page_table_end(&v->p);
	page_table(&v->p, W_ADMIN_PROCESSES, items, 2);
	put_rows(v, lines, "item");
	page_table_end(&v->p);
	admin_put_plots(v);
	put_events(v, lines);
	json_decref(j);
}
