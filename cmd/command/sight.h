/*
 * The files of a configuration as the service sees them, which is not as a
 * shell does: its unit hides some and forbids to write others.  A server that
 * runs is asked; else the unit that is installed is read.
 */
#ifndef CMD_COMMAND_SIGHT_H
#define CMD_COMMAND_SIGHT_H

#include "cmd/supervisor/look.h"
#include "conf/conf.h"

struct sight {
	const char *key; /* "tls.key" */
	const char *path;
	struct conf_place at;
	enum look_for what;
	/* So that what it asks for refuses: a reload, or a start. */
	bool refused;
};

typedef void sight_fn(void *arg, const struct sight *s, const char *text);

/* All files that the configuration names. */
void sight_files(const struct conf *conf, sight_fn *fn, void *arg);
/* Those that are there for this process and not for the service; text says why,
 * and the remedy.  config: the unit is that of the usual one only.  Returns how
 * many. */
unsigned sight_missing(
    const struct conf *conf, const char *config, sight_fn *fn, void *arg);

#endif
