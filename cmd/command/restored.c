/* An account's folder that was copied from a backup, as the account's user. */
#include "base/buf.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/command/restored.h"
#include "cmd/exit_code.h"
#include "store/fsck.h"
#include "store/store.h"

static int
anew_inside(void *arg)
{
	const struct store_opts o = {.low_water_bytes = 1};
	struct store *st = NULL;
	struct err err = {.text = ""};
	int r = store_open(".", &o, &st, &err);

	if (r == RC_OK)
		r = store_begin_anew(st, &err);
	store_close(&st);
	return r == RC_OK ? EXIT_FINE
			  : command_fail(arg, EXIT_FAILED, "%s", err.text);
}

static int
mend_inside(void *arg)
{
	const struct fsck_opts o = {.online = false};
	struct fsck_report before = {0}, after = {0};
	struct fsck_repaired done = {0};
	struct err err = {.text = ""};
	int r = fsck_repair(".", &o, &before, &after, &done, &err);

	fsck_report_fini(&before);
	fsck_report_fini(&after);
	return r == RC_OK ? EXIT_FINE
			  : command_fail(arg, EXIT_FAILED, "%s", err.text);
}

static int
in_account(const struct conf *conf, const char *command, const char *folder,
    int (*fn)(void *arg))
{
	struct buf name;
	int code;

	buf_init(&name, 64);
	buf_adds(&name, command);
	code = confined_run(conf, command, folder, ROLE_ACCOUNT, fn, name.p);
	buf_fini(&name);
	return code;
}

int
restored_begin_anew(
    const struct conf *conf, const char *command, const char *folder)
{
	return in_account(conf, command, folder, anew_inside);
}

int
restored_mend(const struct conf *conf, const char *command, const char *folder)
{
	return in_account(conf, command, folder, mend_inside);
}
