//! Who gets mail, who may look, and what signs reply addresses: kept alike by both databases.

use crate::database::{Database, on_both_databases};
use tidegate::mail::OrganisationId;
use tidegate::store::Error;
use uuid::Uuid;

on_both_databases! {
    async fn the_directory_changes_its_revision_with_every_change(db: Database) {
        db.store.seed_default_organisation().await.unwrap();
        db.store.seed_default_organisation().await.unwrap();
        let seeded = db.store.directory().await.unwrap();
        assert_eq!(seeded.mailboxes().map(|m| m.address.as_str()).collect::<Vec<_>>(), ["@"]);
        let acme = db.store.add_organisation("acme", None).await.unwrap();
        let part = db.store.add_organisation("acme/support", Some(acme)).await.unwrap();
        assert_eq!(db.store.organisation("acme/support").await.unwrap().parent, Some(acme));
        assert_eq!(db.store.organisation(&part.to_string()).await.unwrap().id, part);
        let mailbox = db.store.add_mailbox(part, " Help@Acme.test ").await.unwrap();
        let now = db.store.directory().await.unwrap();
        assert!(now.revision > seeded.revision);
        assert_eq!(now.lookup("help@acme.test").map(|m| m.organisation), Some(part));
        db.store.remove_mailbox(mailbox).await.unwrap();
        assert!(db.store.directory_revision().await.unwrap() > now.revision);

        let wrong = [
            db.store.add_organisation("acme", None).await.map(drop),
            db.store.add_organisation("x", Some(OrganisationId(Uuid::nil()))).await.map(drop),
            db.store.add_mailbox(acme, "@").await.map(drop),
            db.store.add_mailbox(acme, "nobody").await.map(drop),
            db.store.add_mailbox(OrganisationId(Uuid::nil()), "a@b.test").await.map(drop),
            db.store.remove_mailbox(mailbox).await,
        ];
        for error in wrong {
            assert!(matches!(error, Err(Error::Conflict(_) | Error::NotFound { .. })), "{error:?}");
        }
    }

    async fn a_login_link_works_once_and_sessions_end(db: Database) {
        let (link, session) = ([1; 32], [2; 32]);
        let user = db.store.add_user("ann", true, "cli").await.unwrap();
        assert!(matches!(db.store.add_user("ann", false, "cli").await, Err(Error::Conflict(_))));
        assert!(!db.store.has_administrator().await.unwrap());
        db.store.add_login_link(&link, user, 100, 200).await.unwrap();
        assert_eq!(db.store.login_link_user(&link, 200).await.unwrap(), None, "it is over");
        assert_eq!(db.store.login_link_user(&link, 199).await.unwrap().map(|u| u.id), Some(user));
        let used = db.store.use_login_link(&link, "anna", "$argon2id$…", 150).await.unwrap().unwrap();
        assert_eq!((used.id, used.name.as_str(), used.admin), (user, "anna", true));
        assert_eq!(db.store.use_login_link(&link, "eve", "$argon2id$…", 150).await.unwrap(), None);
        assert!(db.store.has_administrator().await.unwrap());
        db.store.begin_session(&session, user, 150, 300).await.unwrap();
        assert_eq!(db.store.session_user(&session, 299).await.unwrap().map(|u| u.name), Some("anna".to_owned()));
        assert_eq!(db.store.session_user(&session, 300).await.unwrap(), None);
        db.store.end_session(&session).await.unwrap();
        assert_eq!(db.store.session_user(&session, 200).await.unwrap(), None);
    }

    async fn one_token_secret_is_made_however_many_nodes_ask(db: Database) {
        let other = db.another_store().await;
        let (a, b) = tokio::join!(db.store.token_secrets(), other.token_secrets());
        assert_eq!(a.unwrap(), b.unwrap());
        let rotated = db.store.rotate_token_secret().await.unwrap();
        assert_eq!(rotated.len(), 2);
        assert_eq!(other.token_secrets().await.unwrap(), rotated);
        other.close().await;
    }
}
