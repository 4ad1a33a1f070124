#include <check.h>

#include "mail/folder.h"
#include "test/unit/unit.h"

static const struct {
	const char *name;
	enum mail_folder want;
} rows[] = {
    {"Trash", MAIL_FOLDER_TRASH},
    {"deleted ITEMS", MAIL_FOLDER_TRASH},
    {"INBOX/Papierkorb", MAIL_FOLDER_TRASH},
    {"[Gmail]/Spam", MAIL_FOLDER_JUNK},
    {"Bulk Mail", MAIL_FOLDER_BULK},
    {"Envoy\xc3\xa9s", MAIL_FOLDER_SENT},
    {"Entw\xc3\xbcrfe", MAIL_FOLDER_DRAFTS},
    {"Archives", MAIL_FOLDER_ARCHIVE},
    {"INBOX", MAIL_FOLDER_OTHER},
    {"Trash/old", MAIL_FOLDER_OTHER},
    {"Lists/Spam", MAIL_FOLDER_OTHER},
    {"Spammers", MAIL_FOLDER_OTHER},
    {"", MAIL_FOLDER_OTHER},
};

START_TEST(mail_folder__knows_usual_names)
{
	ck_assert_msg(mail_folder_usual(sv_str(rows[_i].name)) == rows[_i].want,
	    "%s", rows[_i].name);
}
END_TEST

UNIT_TESTS(folder)
{
	TCase *t = tcase_create("folder");

	tcase_add_loop_test(
	    t, mail_folder__knows_usual_names, 0, sizeof rows / sizeof rows[0]);
	return t;
}
