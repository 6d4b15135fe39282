SELECT pg_is_in_recovery(), current_setting('transaction_read_only'), current_setting('fsync'),
       current_setting('full_page_writes'), current_setting('synchronous_commit'), pg_backend_pid()
