-- wrk: one body again and again, and the outcome as JSON.
-- wrk ... -s post.lua URL -- BODY_FILE [HEADER VALUE]...

function init(arguments)
  wrk.method = "POST"
  wrk.body = io.open(arguments[1], "rb"):read("*a")
  for index = 2, #arguments, 2 do
    wrk.headers[arguments[index]] = arguments[index + 1]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
