# Asks squid, the way a client would, whether it works and sees the hop behind it, and then that
# hop whether it is healthy. Exit 0 when ready, 1 with the reason.
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP;

sub quit { print "$_[0]\n"; exit 1 }

# Status, head and body of the answer.
sub ask {
    my ($name, $place, $request) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $place, Timeout => 5)
        or quit("$name takes no connections: $!");
    local $SIG{ALRM} = sub { quit("$name does not answer") };
    alarm 8;
    print $socket "GET $request HTTP/1.0\r\nHost: $place\r\n\r\n";
    local $/;
    my $answer = <$socket> // '';
    alarm 0;
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.\d (\d+)} or quit("$name answers nonsense");
    return ($status, $head, $body // '');
}

my $squid = '127.0.0.1:3128';
my ($status, $head) = ask('squid', $squid, 'http://bottle.invalid/');
quit("squid answers $status to what is not allowed: its rules are not loaded")
    unless $status == 403 && $head =~ /^X-Squid-Error: ERR_ACCESS_DENIED/m;

# What the next hop must answer.
open my $file, '<', $ARGV[0] or quit("cannot read $ARGV[0]: $!");
my $next = do { local $/; decode_json(<$file>) };
my $host = $next->{host} or exit 0;
if ($next->{path}) {
    my ($code, undef, $body) = ask($host, "$host:$next->{port}", $next->{path});
    quit("$host is not healthy: it answers $code") unless $code == 200;
    my $said = eval { decode_json($body) } or quit("$host answers no JSON");
    my $json = JSON::PP->new->canonical->allow_nonref;
    for my $key (sort keys %{ $next->{expect} }) {
        my ($wanted, $found) = map { $json->encode($_) } $next->{expect}{$key}, $said->{$key};
        quit("$host is not healthy: `$key` is $found, not $wanted") unless $wanted eq $found;
    }
}

# Squid sends nothing to a parent that it has not seen up. Asking makes it look again.
my (undef, undef, $peers) = ask('squid', $squid, '/squid-internal-mgr/server_list');
quit("squid does not reach $host yet") unless $peers =~ /^Status\s*:\s*Up/m;
