/* What a person has done with mail, as a lesson.  Pure. */
#ifndef ACCOUNT_JUNK_LESSON_H
#define ACCOUNT_JUNK_LESSON_H

#include "account/junk_place.h"
#include "ipc/msg_junk.h"

/* At once: more than that nobody has read, or filed. */
#define JUNK_READ_MOST 20
/* At once: all the same, the rest stays as it was. */
#define JUNK_THROWN_MOST 500

struct junk_done {
	enum junk_deed {
		JUNK_MOVED, /* or copied */
		JUNK_APPENDED,
		JUNK_MARKED
	} deed;
	uint32_t from; /* mailbox id; JUNK_MARKED: where it is */
	unsigned mark; /* enum account_junk_mark */
	uint64_t n;    /* messages at once */
};

/* `to`: where it is now.  JUNK_TEACHINGS: none. */
enum junk_teaching junk_lesson_of(const struct junk_done *d,
    const struct store_mailbox_list *all, const struct store_mailbox *to);

#endif
