<?php
// The tutorial's server, for PHP 8: it copies back what each client sends, one client at a time.
//
//     php examples/echo.php 8000

$server = stream_socket_server("tcp://127.0.0.1:" . $argv[1], $code, $message);
if ($server === false) {
    fwrite(STDERR, "cannot listen: $message\n");
    exit(1);
}
for (;;) {
    $client = @stream_socket_accept($server, -1);
    if ($client) {
        stream_copy_to_stream($client, $client);
        fclose($client);
    }
}
