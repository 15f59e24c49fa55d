-- The wrk script: posts the body of one file on every connection, and prints the outcome as one line of JSON.
-- closed_loop.py runs it as: wrk [options] --script post_window.lua URL -- BODY_FILE [NAME VALUE]...
-- with the request's headers behind the file.

wrk.method = "POST"

-- The request is formatted once, after this: wrk then repeats its bytes without calling Lua again.
function init(args)
   local file = assert(io.open(args[1], "rb"))
   wrk.body = file:read("*a")
   file:close()
   for index = 2, #args, 2 do
      wrk.headers[args[index]] = args[index + 1]
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   print(string.format(
      '{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,' ..
      '"socket_errors":%d,"status_errors":%d}',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
