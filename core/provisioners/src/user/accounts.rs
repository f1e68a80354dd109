//! The texts of `/etc/passwd` and `/etc/group`.

use bottle_api::AgentUser;

/// Fields of a line of `/etc/passwd`: name, password, uid, gid, comment, home, shell.
const PASSWD: (usize, usize, usize, usize) = (2, 3, 5, 7);
/// Fields of a line of `/etc/group`: name, password, gid, members.
const GROUP: (usize, usize) = (2, 4);

/// `/etc/passwd` with an entry of the user's uid whose home is the user's home. `None` when it
/// is like that already.
///
/// An entry of that uid keeps its name and gets the home, because `ssh` and others look there and
/// not at `HOME`. An entry of that name with another uid becomes the user's: it is the one the
/// image made for an agent.
pub(super) fn passwd_with(text: &str, user: &AgentUser) -> Option<String> {
    let (uid, gid, home, count) = PASSWD;
    let wanted = user.uid.to_string();
    let mut entries = entries(text);
    let is = |entry: &Vec<String>, field: usize, value: &str| {
        entry.len() == count && entry[field] == value
    };
    if let Some(entry) = entries.iter_mut().find(|entry| is(entry, uid, &wanted)) {
        if entry[home] == user.home {
            return None;
        }
        entry[home].clone_from(&user.home);
    } else if let Some(entry) = entries.iter_mut().find(|entry| is(entry, 0, &user.name)) {
        entry[uid] = wanted;
        entry[gid] = user.gid.to_string();
        entry[home].clone_from(&user.home);
    } else {
        if entries.is_empty() && user.uid != 0 {
            entries.push(line("root:x:0:0:root:/root:/bin/sh"));
        }
        entries.push(line(&format!(
            "{}:x:{wanted}:{}::{}:/bin/sh",
            user.name, user.gid, user.home
        )));
    }
    Some(join(&entries))
}

/// `/etc/group` with an entry of the user's gid. `None` when it has one.
pub(super) fn group_with(text: &str, user: &AgentUser) -> Option<String> {
    let (gid, count) = GROUP;
    let wanted = user.gid.to_string();
    let mut entries = entries(text);
    let is = |entry: &Vec<String>, field: usize, value: &str| {
        entry.len() == count && entry[field] == value
    };
    if entries.iter().any(|entry| is(entry, gid, &wanted)) {
        return None;
    }
    if let Some(entry) = entries.iter_mut().find(|entry| is(entry, 0, &user.name)) {
        entry[gid] = wanted;
    } else {
        if entries.is_empty() && user.gid != 0 {
            entries.push(line("root:x:0:"));
        }
        entries.push(line(&format!("{}:x:{wanted}:", user.name)));
    }
    Some(join(&entries))
}

fn entries(text: &str) -> Vec<Vec<String>> {
    text.lines().map(line).collect()
}

fn line(text: &str) -> Vec<String> {
    text.split(':').map(str::to_owned).collect()
}

fn join(entries: &[Vec<String>]) -> String {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&entry.join(":"));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u32, gid: u32) -> AgentUser {
        AgentUser {
            uid,
            gid,
            ..AgentUser::default()
        }
    }
    const ROOT: &str = "root:x:0:0:root:/root:/bin/bash\n";

    #[test]
    fn an_entry_of_the_uid_keeps_its_name_and_gets_the_home() {
        let text = format!("{ROOT}node:x:1000:1000:,,,:/home/node:/bin/zsh\n# note\n+::::::\n");
        assert_eq!(
            passwd_with(&text, &user(1000, 1000)).unwrap(),
            format!("{ROOT}node:x:1000:1000:,,,:/home/agent:/bin/zsh\n# note\n+::::::\n")
        );
    }

    #[test]
    fn an_entry_of_the_name_becomes_the_users() {
        let text = format!("{ROOT}agent:x:1000:1000::/opt/agent:/bin/bash\n");
        assert_eq!(
            passwd_with(&text, &user(501, 20)).unwrap(),
            format!("{ROOT}agent:x:501:20::/home/agent:/bin/bash\n")
        );
        assert_eq!(
            group_with("root:x:0:\nagent:x:1000:\n", &user(501, 21)).unwrap(),
            "root:x:0:\nagent:x:21:\n"
        );
    }

    #[test]
    fn an_image_without_accounts_gets_root_too() {
        assert_eq!(
            passwd_with("", &user(1000, 1000)).unwrap(),
            "root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n"
        );
        assert_eq!(
            group_with("", &user(1000, 1000)).unwrap(),
            "root:x:0:\nagent:x:1000:\n"
        );
        assert_eq!(
            passwd_with("", &user(0, 0)).unwrap(),
            "agent:x:0:0::/home/agent:/bin/sh\n"
        );
    }

    #[test]
    fn what_is_right_is_left() {
        assert_eq!(
            passwd_with("agent:x:1000:5::/home/agent:/bin/sh", &user(1000, 1000)),
            None
        );
        assert_eq!(group_with("staff:x:1000:a,b", &user(1000, 1000)), None);
        // A broken line is no entry.
        assert!(passwd_with("agent:x:1000\n", &user(1000, 1000)).is_some());
    }
}
