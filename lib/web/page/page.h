/*
 * The one layout of all pages for people, escaped by construction: what is
 * shown goes through clients/xml.h, and what strangers have written is made fit
 * to be read before.  Pure, but for the local time zone.
 *
 *   struct page p;
 *
 *   page_begin(&p, &body, &(struct page_frame){.title = W_DEVICES, ...});
 *   page_say(&p, "p", W_DEVICES_ABOUT, page_count(3));
 *   page_form(&p, "/devices/add");
 *   page_field(&p, &(struct page_field){.name = "label", ...});
 *   page_button(&p, W_ADD, PAGE_BUTTON_MAIN);
 *   page_form_end(&p);
 *   if (!page_end(&p)) ...            it did not fit
 *
 * No text is in the code: all of them are in words_*.def, a row for each with
 * all languages (web/page/words.h).
 */
#ifndef WEB_PAGE_PAGE_H
#define WEB_PAGE_PAGE_H

#include "base/buf.h"
#include "clients/clients.h"
#include "clients/xml.h"
#include "web/page/words.h"

#define PAGE_TYPE      "text/html; charset=utf-8"
#define PAGE_BUILD_MAX 57344 /* bytes of a whole page: PAGE_BODY_MAX */
#define PAGE_HEADS_MAX 8

struct page {
	struct xml x;
	enum page_language language;
	struct sv csrf;
	bool signed_in;
	unsigned fields; /* so far: each has an id of its own */
	/* Of the table that is open: its cells are labelled on a phone. */
	const enum page_word *head;
	size_t nhead, cell;
};

/* ---- the whole ---- */

struct page_link {
	const char *path;
	enum page_word word;
};

struct page_frame {
	enum page_language language; /* see page_language() */
	enum page_word title;
	/* Who has signed in; empty: nobody, and there is no navigation and no
	 * button to sign out. */
	struct sv account;
	struct sv csrf; /* in all forms */
	const struct page_link *nav;
	size_t nnav;
	const char *here; /* the path in it that is shown */
	/* One more in the navigation, to the other room: "/admin", or NULL. */
	const struct page_link *other;
};

void page_begin(
    struct page *p, struct buf *out, const struct page_frame *frame);
/* Closes what is open; false: it did not fit, nothing of it is to be sent. */
bool page_end(struct page *p);

/* ---- texts ---- */

/* <element>words</element>; the arguments are for the words' {1}, {2}, ... */
#define page_say(p, element, word, ...)                                     \
	page_say_args(p, element, word,                                     \
	    (const struct page_arg[]){page_none(), ##__VA_ARGS__} + 1,      \
	    sizeof((const struct page_arg[]){page_none(), ##__VA_ARGS__}) / \
		    sizeof(struct page_arg) -                               \
		1)
void page_say_args(struct page *p, const char *element, enum page_word word,
    const struct page_arg *args, size_t n);
/* The same with what somebody has written, which is made fit to be read. */
void page_show(struct page *p, const char *element, struct sv text);
/* <h2> */
void page_heading(struct page *p, enum page_word word);

enum page_tone {
	PAGE_NEWS, /* it was done */
	PAGE_GOOD, /* all is well */
	PAGE_WARN,
	PAGE_BAD
};

/* A box with a sentence in it. */
#define page_notice(p, tone, word, ...)                                     \
	page_notice_args(p, tone, word,                                     \
	    (const struct page_arg[]){page_none(), ##__VA_ARGS__} + 1,      \
	    sizeof((const struct page_arg[]){page_none(), ##__VA_ARGS__}) / \
		    sizeof(struct page_arg) -                               \
		1)
void page_notice_args(struct page *p, enum page_tone tone, enum page_word word,
    const struct page_arg *args, size_t n);
/* The same with a text that is there already, as from the command line. */
void page_notice_text(struct page *p, enum page_tone tone, struct sv text);

/* <p><a href="path?query">words</a></p>; query, without '?', may be empty. */
void page_go(
    struct page *p, const char *path, struct sv query, enum page_word word);

/* A box of its own, with a heading: <section>. */
void page_section(struct page *p, enum page_word heading);
/* The same, whose heading is yet to come. */
void page_box(struct page *p);
void page_section_end(struct page *p);
/* A list in order: <ol>. */
void page_list(struct page *p);
void page_item(struct page *p);
void page_item_end(struct page *p);
void page_list_end(struct page *p);
/* <details> with a line that opens it. */
void page_details(struct page *p, enum page_word summary);
void page_details_end(struct page *p);
/* Terms and what they are: <dl>.  page_term says the next term, and opens what
 * it is, for texts or page_show(p, NULL, ...), up to page_term_end. */
void page_terms(struct page *p);
void page_term(struct page *p, enum page_word word);
void page_term_end(struct page *p);
void page_terms_end(struct page *p);
/* A bar that is full in so many thousandths. */
void page_meter(struct page *p, enum page_word label, unsigned thousandths);
/* What is copied by hand or with a button: a password, a code. */
void page_code(struct page *p, struct sv text);
/* Lines as they are: <pre>. */
void page_lines(struct page *p, struct sv text);

/* ---- tables ---- */

void page_table(struct page *p, enum page_word caption,
    const enum page_word *heads, size_t nheads);
void page_row(struct page *p);
void page_cell(struct page *p, struct sv text); /* as page_show */
#define page_cell_say(p, word, ...)                                         \
	page_cell_args(p, word,                                             \
	    (const struct page_arg[]){page_none(), ##__VA_ARGS__} + 1,      \
	    sizeof((const struct page_arg[]){page_none(), ##__VA_ARGS__}) / \
		    sizeof(struct page_arg) -                               \
		1)
void page_cell_args(
    struct page *p, enum page_word word, const struct page_arg *args, size_t n);
/* For other things in it, up to page_cell_end. */
void page_cell_open(struct page *p);
void page_cell_end(struct page *p);
void page_row_end(struct page *p);
void page_table_end(struct page *p);
/* Links to what is before and behind, as queries without '?'; empty: there is
 * none. */
void page_turn(
    struct page *p, const char *path, struct sv newer, struct sv older);

/* ---- forms ---- */

/* method="post", with csrf in it. */
void page_form(struct page *p, const char *action);
/* method="get": a search. */
void page_form_get(struct page *p, const char *action);
void page_form_end(struct page *p);

struct page_field {
	const char *name;
	const char *type; /* NULL: "text" */
	enum page_word label;
	enum page_word hint;  /* W_NONE: none */
	enum page_word error; /* W_NONE: none */
	struct sv error_text; /* the same, where it is said by others */
	struct sv value;
	const char *autocomplete; /* NULL: "off" */
	/* More of ours, "inputmode=\"numeric\"", or NULL. */
	const char *attributes;
	bool optional;
	unsigned rows; /* not 0: <textarea> with so many */
};

void page_field(struct page *p, const struct page_field *f);
void page_hidden(struct page *p, const char *name, struct sv value);
/* A box to tick, labelled by what somebody has written. */
void page_check(
    struct page *p, const char *name, struct sv value, struct sv label);
/* A box with words of ours beside it; what it sends is "1". */
struct page_tick {
	const char *name;
	enum page_word label;
	enum page_word hint; /* W_NONE: none */
	bool ticked;
};
void page_tick(struct page *p, const struct page_tick *t);
/* One of several: <select>.  Each value with its text. */
struct page_choice {
	struct sv value, text;
};
void page_choose(struct page *p, const char *name, enum page_word label,
    const struct page_choice *c, size_t n, struct sv chosen);

enum page_button {
	PAGE_BUTTON_MAIN,
	PAGE_BUTTON_PLAIN,
	PAGE_BUTTON_DANGER /* something is gone then */
};
void page_button(struct page *p, enum page_word word, enum page_button kind);
/* The same, which sends name=value with the form. */
void page_button_of(struct page *p, enum page_word word, enum page_button kind,
    const char *name, struct sv value);
/* A form of one button. */
void page_press(struct page *p, const char *action, enum page_word word,
    enum page_button kind, const char *name, struct sv value);

/* ---- what forms send, which base/form.h reads ---- */

/* Appends "name=value", '&' before it if there is something. */
void page_query_add(struct buf *query, const char *name, struct sv value);
/* In constant time; an empty one is never right. */
bool page_same_secret(struct sv a, struct sv b);

/* What is typed into a mail program; address may be empty. */
void page_settings(
    struct page *p, const struct clients_server *s, struct sv address);
/* A QR code as <svg>, black on white with its margin.  RC_TOOBIG. */
int page_qr(struct page *p, enum page_word label, struct sv text) RC_USE_RESULT;

#endif
