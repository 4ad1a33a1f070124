#include "account/junk_lesson.h"

#include "account/junk.h"

static enum junk_teaching
of_mark(unsigned mark, unsigned there)
{
	static const enum junk_teaching as[] = {
	    [ACCOUNT_MARK_JUNK] = JUNK_TEACH_JUNK,
	    [ACCOUNT_MARK_WANTED] = JUNK_TEACH_WANTED,
	    [ACCOUNT_MARK_HINT] = JUNK_TEACH_HINT,
	    [ACCOUNT_MARK_READ] = JUNK_TEACH_READ,
	    [ACCOUNT_MARK_THROWN] = JUNK_TEACH_THROWN,
	};
	bool said = mark == ACCOUNT_MARK_JUNK || mark == ACCOUNT_MARK_WANTED;

	return said || there == 0 ? as[mark] : JUNK_TEACHINGS;
}

static enum junk_teaching
of_move(unsigned before, unsigned there, uint64_t n)
{
	bool was_junk = (before & PLACE_JUNK) != 0;

	if ((there & PLACE_JUNK) != 0)
		return was_junk ? JUNK_TEACHINGS : JUNK_TEACH_JUNK;
	if (was_junk && there == 0)
		return JUNK_TEACH_WANTED;
	/* Sent mail that was in Junk by mistake. */
	if (was_junk &&
	    (there & (PLACE_TRASH | PLACE_DRAFTS | PLACE_DOUBT)) == 0)
		return JUNK_TEACH_WANTED;
	if (before != 0)
		return JUNK_TEACHINGS;
	if ((there & PLACE_TRASH) != 0)
		return n <= JUNK_THROWN_MOST ? JUNK_TEACH_THROWN
					     : JUNK_TEACHINGS;
	/* Who files a message wants it. */
	return there == 0 && n <= JUNK_READ_MOST ? JUNK_TEACH_HINT
						 : JUNK_TEACHINGS;
}

enum junk_teaching
junk_lesson_of(const struct junk_done *d, const struct store_mailbox_list *all,
    const struct store_mailbox *to)
{
	const struct store_mailbox *from = junk_mailbox_by_id(all, d->from);
	unsigned there = junk_place(all, to);
	unsigned before = from != NULL ? junk_place(all, from) : 0;

	if (((there | before) & PLACE_RESTORE) != 0)
		return JUNK_TEACHINGS;
	switch (d->deed) {
	case JUNK_MOVED:
		return of_move(before, there, d->n);
	case JUNK_APPENDED:
		return (there & PLACE_JUNK) != 0 ? JUNK_TEACH_JUNK
						 : JUNK_TEACHINGS;
	case JUNK_MARKED:
		return of_mark(d->mark, there);
	}
	return JUNK_TEACHINGS;
}
