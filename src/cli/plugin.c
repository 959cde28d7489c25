#include "cli.h"

ls_status cli_load_plugins(const struct cli_list *plugins)
{
    ls_status status = LS_OK;
    for (size_t i = 0; i < plugins->count && status == LS_OK; i++)
        status = ls_plugin_load(plugins->items[i]);
    return status;
}
