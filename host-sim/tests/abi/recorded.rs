//! What Envoy 1.40.0 answered; see [`crate::envoy`] for how it was asked.
//!
//! Statuses of the ABI are hexadecimal digits, error numbers of WASI are decimal.

/// A hostcall with one number for all of its parameters.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// One status for each number of the sweep.
    pub(crate) statuses: &'static str,
}

#[rustfmt::skip]
pub(crate) const SWEPT: &[Row] = &[
    Row { name: "proxy_log", statuses: "20022222" },
    Row { name: "proxy_get_log_level", statuses: "60000666" },
    Row { name: "proxy_get_current_time_nanoseconds", statuses: "60000666" },
    Row { name: "proxy_set_tick_period_milliseconds", statuses: "00000000" },
    Row { name: "proxy_get_property", statuses: "63111666" },
    Row { name: "proxy_set_property", statuses: "61111666" },
    Row { name: "proxy_continue_stream", statuses: "20022222" },
    Row { name: "proxy_close_stream", statuses: "20022222" },
    Row { name: "proxy_send_local_response", statuses: "60000666" },
    Row { name: "proxy_get_shared_data", statuses: "61111666" },
    Row { name: "proxy_set_shared_data", statuses: "60000666" },
    Row { name: "proxy_register_shared_queue", statuses: "60000666" },
    Row { name: "proxy_resolve_shared_queue", statuses: "60111666" },
    Row { name: "proxy_dequeue_shared_queue", statuses: "11711111" },
    Row { name: "proxy_enqueue_shared_queue", statuses: "61011666" },
    Row { name: "proxy_get_header_map_value", statuses: "22222222" },
    Row { name: "proxy_add_header_map_value", statuses: "22222222" },
    Row { name: "proxy_replace_header_map_value", statuses: "22222222" },
    Row { name: "proxy_remove_header_map_value", statuses: "22222222" },
    Row { name: "proxy_get_header_map_pairs", statuses: "20022222" },
    Row { name: "proxy_set_header_map_pairs", statuses: "22222222" },
    Row { name: "proxy_get_header_map_size", statuses: "22222222" },
    Row { name: "proxy_get_buffer_status", statuses: "20002222" },
    Row { name: "proxy_get_buffer_bytes", statuses: "20002222" },
    Row { name: "proxy_set_buffer_bytes", statuses: "22222222" },
    Row { name: "proxy_http_call", statuses: "62222666" },
    Row { name: "proxy_define_metric", statuses: "60022666" },
    Row { name: "proxy_increment_metric", statuses: "21111211" },
    Row { name: "proxy_record_metric", statuses: "11111111" },
    Row { name: "proxy_get_metric", statuses: "21111211" },
    Row { name: "proxy_get_status", statuses: "60000666" },
    Row { name: "proxy_set_effective_context", statuses: "20022222" },
    Row { name: "proxy_call_foreign_function", statuses: "61111666" },
];

/// A hostcall with arguments worth asking about.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static [i64]],
    /// One status for each list of arguments, in `proxy_on_vm_start`.
    pub(crate) vm_start: &'static str,
    /// The same in `proxy_on_configure`.
    pub(crate) configure: &'static str,
}

#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "proxy_get_buffer_bytes",
        arguments: &[
            &[7, 0, -1, 0, 4], &[7, 3, -1, 0, 4], &[7, -1, -1, 0, 4], &[7, 100, 1, 0, 4],
            &[6, 0, -1, 0, 4], &[7, 0, 4, 0, 4], &[0, 8, -1, 0, 4], &[8, 0, 1, 0, 4],
            &[9, 0, 1, 0, 4], &[7, 0, -1, -1, 4],
        ],
        vm_start: "1111010021",
        configure: "0000000026",
    },
    Case {
        name: "proxy_grpc_send",
        arguments: &[
            &[0, 0, 0, 0], &[1, 0, 0, 0], &[2, 0, 0, 1], &[3, 0, 0, 0], &[2, -1, 4, 0],
            &[0, -1, 4, 0],
        ],
        vm_start: "221266",
        configure: "221266",
    },
    Case {
        name: "proxy_grpc_cancel",
        arguments: &[&[0], &[1], &[2], &[3]],
        vm_start: "2112",
        configure: "2112",
    },
    Case {
        name: "proxy_grpc_close",
        arguments: &[&[0], &[1], &[2], &[3]],
        vm_start: "2112",
        configure: "2112",
    },
    Case {
        name: "proxy_set_buffer_bytes",
        arguments: &[
            &[7, 0, 0, 0, 1], &[0, 0, 0, 0, 1], &[8, 0, 0, 0, 1], &[4, 0, 0, 0, 1],
            &[5, 0, 0, 0, 1], &[4, 0, 0, -1, 1], &[0, 0, 0, -1, 1], &[7, 0, 0, -1, 1],
        ],
        vm_start: "12212161",
        configure: "22212166",
    },
    Case {
        name: "proxy_get_buffer_status",
        arguments: &[
            &[0, 0, 4], &[1, 0, 4], &[2, 0, 4], &[3, 0, 4], &[4, 0, 4], &[5, 0, 4], &[6, 0, 4],
            &[7, 0, 4], &[8, 0, 4], &[9, 0, 4],
        ],
        vm_start: "0000100102",
        configure: "0000100002",
    },
    Case {
        name: "proxy_define_metric",
        arguments: &[&[0, 0, 1, 0], &[3, 0, 1, 0], &[1, 0, 1, -1]],
        vm_start: "026",
        configure: "026",
    },
    Case {
        name: "proxy_get_header_map_value",
        arguments: &[
            &[0, 131073, 0, 0, 4], &[0, 131072, 0, 0, 4], &[8, -1, 1, 0, 4], &[6, 0, 1, 0, 4],
            &[4, 0, 1, 0, 4],
        ],
        vm_start: "62222",
        configure: "62222",
    },
    Case {
        name: "proxy_get_header_map_pairs",
        arguments: &[
            &[0, 0, 4], &[1, 0, 4], &[2, 0, 4], &[3, 0, 4], &[4, 0, 4], &[5, 0, 4], &[6, 0, 4],
            &[7, 0, 4], &[8, 0, 4],
        ],
        vm_start: "000000002",
        configure: "000000002",
    },
    Case {
        name: "proxy_get_header_map_size",
        arguments: &[
            &[0, 0], &[1, 0], &[2, 0], &[3, 0], &[4, 0], &[5, 0], &[6, 0], &[7, 0], &[8, 0],
        ],
        vm_start: "222222222",
        configure: "222222222",
    },
    Case {
        name: "proxy_set_effective_context",
        arguments: &[&[0], &[1], &[2], &[77], &[0]],
        vm_start: "00220",
        configure: "00220",
    },
    Case {
        name: "proxy_set_tick_period_milliseconds",
        arguments: &[&[0], &[1000000]],
        vm_start: "00",
        configure: "00",
    },
    Case {
        name: "proxy_call_foreign_function",
        arguments: &[&[100, 17, 0, 0, 0, 4], &[100, 17, 0, 0, 0, 0], &[0, 3, 0, 0, 0, 4]],
        vm_start: "001",
        configure: "001",
    },
    Case {
        name: "proxy_http_call",
        arguments: &[&[0, 1, 0, 0, 0, 0, 0, 0, 5, 0], &[0, 1, 0, 0, 0, 0, 0, 0, 5, -1]],
        vm_start: "26",
        configure: "26",
    },
    Case {
        name: "proxy_log",
        arguments: &[&[6, -1, 9], &[5, -1, 9], &[0, 0, 0]],
        vm_start: "260",
        configure: "260",
    },
    Case {
        name: "proxy_continue_stream",
        arguments: &[&[0], &[1], &[2], &[3], &[4]],
        vm_start: "000c2",
        configure: "000c2",
    },
    Case {
        name: "proxy_close_stream",
        arguments: &[&[0], &[1], &[2], &[3], &[4]],
        vm_start: "00002",
        configure: "00002",
    },
    Case {
        name: "proxy_get_property",
        arguments: &[
            &[200, 11, 0, 4], &[200, 12, 0, 4], &[200, 13, 0, 4], &[200, 10, 0, 4],
            &[0, 1, 0, 4], &[0, 2, 0, 4], &[0, 0, 0, 4],
        ],
        vm_start: "0011113",
        configure: "0011113",
    },
    Case {
        name: "proxy_set_property",
        arguments: &[&[0, 1, 0, 1], &[0, 1, 0, 0]],
        vm_start: "11",
        configure: "11",
    },
];

/// A function of WASI with one number for all of its parameters.
pub(crate) struct WasiRow {
    pub(crate) name: &'static str,
    pub(crate) signature: &'static str,
    /// One error number for each number of the sweep.
    pub(crate) errors: &'static [u8],
}

#[rustfmt::skip]
pub(crate) const WASI: &[WasiRow] = &[
    WasiRow { name: "fd_read", signature: "wwww", errors: &[52, 52, 52, 52, 52, 52, 52, 52] },
    WasiRow { name: "fd_seek", signature: "wlww", errors: &[0, 0, 0, 0, 0, 0, 0, 0] },
    WasiRow { name: "fd_close", signature: "w", errors: &[0, 0, 0, 0, 0, 0, 0, 0] },
    WasiRow { name: "fd_fdstat_get", signature: "ww", errors: &[8, 8, 0, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_fdstat_set_flags", signature: "ww", errors: &[52, 52, 52, 52, 52, 52, 52, 52] },
    WasiRow { name: "fd_fdstat_set_rights", signature: "wll", errors: &[8, 8, 0, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_advise", signature: "wllw", errors: &[0, 0, 0, 0, 0, 0, 0, 0] },
    WasiRow { name: "fd_allocate", signature: "wll", errors: &[8, 8, 0, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_datasync", signature: "w", errors: &[8, 8, 0, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_sync", signature: "w", errors: &[8, 8, 0, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_filestat_get", signature: "ww", errors: &[8, 8, 8, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_filestat_set_size", signature: "wl", errors: &[8, 8, 0, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_filestat_set_times", signature: "wllw", errors: &[8, 8, 0, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_prestat_get", signature: "ww", errors: &[8, 8, 8, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_prestat_dir_name", signature: "www", errors: &[52, 52, 52, 52, 52, 52, 52, 52] },
    WasiRow { name: "fd_pread", signature: "wwwlw", errors: &[52, 52, 52, 52, 52, 52, 52, 52] },
    WasiRow { name: "fd_renumber", signature: "ww", errors: &[8, 8, 58, 8, 8, 8, 8, 8] },
    WasiRow { name: "fd_readdir", signature: "wwwlw", errors: &[21, 20, 20, 20, 20, 21, 21, 21] },
    WasiRow { name: "fd_tell", signature: "ww", errors: &[8, 8, 0, 8, 8, 8, 8, 8] },
    WasiRow { name: "path_open", signature: "wwwwwllww", errors: &[44, 44, 44, 44, 44, 44, 44, 44] },
    WasiRow { name: "path_filestat_get", signature: "wwwww", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "path_filestat_set_times", signature: "wwwwllw", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "path_create_directory", signature: "www", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "path_remove_directory", signature: "www", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "path_unlink_file", signature: "www", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "path_link", signature: "wwwwww", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "path_rename", signature: "wwwwww", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "path_symlink", signature: "wwww", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "path_readlink", signature: "wwwwww", errors: &[21, 58, 58, 58, 58, 21, 21, 21] },
    WasiRow { name: "sock_accept", signature: "www", errors: &[21, 58, 58, 58, 58, 21, 21, 21] },
    WasiRow { name: "sock_recv", signature: "wwwwww", errors: &[21, 58, 58, 58, 58, 21, 21, 21] },
    WasiRow { name: "sock_send", signature: "wwwww", errors: &[21, 58, 58, 58, 58, 21, 21, 21] },
    WasiRow { name: "sock_shutdown", signature: "ww", errors: &[58, 58, 58, 58, 58, 58, 58, 58] },
    WasiRow { name: "args_get", signature: "ww", errors: &[0, 0, 0, 0, 0, 0, 0, 0] },
    WasiRow { name: "args_sizes_get", signature: "ww", errors: &[21, 0, 0, 0, 0, 21, 21, 21] },
    WasiRow { name: "environ_get", signature: "ww", errors: &[0, 0, 0, 0, 0, 0, 0, 0] },
    WasiRow { name: "environ_sizes_get", signature: "ww", errors: &[21, 0, 0, 0, 0, 21, 21, 21] },
    WasiRow { name: "poll_oneoff", signature: "wwww", errors: &[21, 0, 0, 0, 0, 21, 21, 21] },
    WasiRow { name: "sched_yield", signature: "", errors: &[0, 0, 0, 0, 0, 0, 0, 0] },
    WasiRow { name: "clock_res_get", signature: "ww", errors: &[58, 0, 0, 58, 58, 58, 58, 58] },
    WasiRow { name: "clock_time_get", signature: "wlw", errors: &[58, 0, 0, 58, 58, 58, 58, 58] },
    WasiRow { name: "random_get", signature: "ww", errors: &[28, 0, 0, 0, 0, 28, 28, 28] },
];
