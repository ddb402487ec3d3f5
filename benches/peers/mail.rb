# Ruby's mail: reads each mail of a list once for each line of standard input.
require 'mail'

def read(raw)
  mail = Mail.new(raw)
  [mail[:from], mail[:to], mail[:cc], mail.subject, mail.date, mail.message_id].each(&:to_s)
  (mail.multipart? ? mail.all_parts : [mail]).each { |part| part.decoded unless part.multipart? }
end

mails = File.readlines(ARGV[0], chomp: true).map { |path| File.binread(path) }
puts 'ready'
$stdout.flush
while $stdin.gets
  start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  mails.each do |raw|
    read(raw)
  rescue StandardError
    nil # it gives up on some; the time until then counts
  end
  puts Process.clock_gettime(Process::CLOCK_MONOTONIC) - start
  $stdout.flush
end
