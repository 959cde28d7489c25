#include <locale.h>

#include "cli.h"

int main(int argc, char **argv)
{
    (void)argc;
    setlocale(LC_CTYPE, ""); /* which characters the terminal has; numbers stay C's */
    return cli_main(argv[0] != NULL ? argv + 1 : argv);
}
