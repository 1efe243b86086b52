// Made from the OpenAPI document of the manager by `npm run check -- --only client --update`; not edited.

export interface paths {
    "/api/v1/welcome": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the sign-in page shows */
        get: operations["welcome.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/first-run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make the first administrator with the one-time link */
        post: operations["firstRun.use"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Set a password with an invitation or reset link */
        post: operations["invitation.use"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who I am and what I may do */
        get: operations["session.read"];
        put?: never;
        /** Sign in with name and password */
        post: operations["session.start"];
        /** Sign out */
        delete: operations["session.end"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/totp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Prove the second factor with a code */
        post: operations["session.totp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/recovery": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Prove the second factor with a recovery code */
        post: operations["session.recovery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/webauthn/options": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Challenge for a security key */
        post: operations["session.webauthnOptions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/webauthn": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Prove the second factor with a security key */
        post: operations["session.webauthn"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/oidc/{id}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sign in through an identity provider */
        get: operations["oidc.start"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/oidc/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Return from an identity provider */
        get: operations["oidc.callback"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My sessions */
        get: operations["account.sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** End one of my sessions */
        delete: operations["account.endSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/factors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My password and second factors */
        get: operations["account.factors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change my password; my other sessions end */
        post: operations["account.password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/totp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begin to set up codes from an app */
        post: operations["account.totpBegin"];
        /** Remove codes from an app */
        delete: operations["account.totpRemove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/totp/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm with a first code */
        post: operations["account.totpConfirm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/webauthn/options": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begin to add a security key */
        post: operations["account.webauthnOptions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/webauthn": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a security key */
        post: operations["account.webauthnAdd"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/webauthn/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Remove a security key */
        delete: operations["account.webauthnRemove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account/recovery": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** New recovery codes; the old ones end */
        post: operations["account.recovery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/roles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Roles and what each permits */
        get: operations["roles.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All users */
        get: operations["users.list"];
        put?: never;
        /** A new user, with a link to set a password */
        post: operations["users.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One user */
        get: operations["users.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change roles, display name, or disable */
        patch: operations["users.change"];
        trace?: never;
    };
    "/api/v1/users/{id}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A link to set a new password; sessions end */
        post: operations["users.reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/unlock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a lock after failed attempts */
        post: operations["users.unlock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/factors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Remove all second factors; sessions end */
        delete: operations["users.removeFactors"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** End all sessions */
        delete: operations["users.endSessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** My API tokens; all of them with `all=true` and user.read */
        get: operations["tokens.list"];
        put?: never;
        /** A new API token of mine, shown once */
        post: operations["tokens.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a token: one’s own, or any with user.write */
        delete: operations["tokens.revoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/identity-providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Identity providers */
        get: operations["providers.list"];
        put?: never;
        /** Add an identity provider */
        post: operations["providers.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/identity-providers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Change an identity provider */
        put: operations["providers.change"];
        post?: never;
        /** Remove an identity provider; its users can sign in no more */
        delete: operations["providers.remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/identity-providers/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reach it, and explain the last sign-ins */
        post: operations["providers.test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All plants */
        get: operations["plants.list"];
        put?: never;
        /** A new plant from the text of a plant file */
        post: operations["plants.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What is wrong in a text, and what it changes */
        post: operations["plants.validate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One plant */
        get: operations["plants.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Versions, newest first */
        get: operations["versions.list"];
        put?: never;
        /** Save a new version; 409 `outdated` with a merge where somebody saved meanwhile */
        post: operations["versions.save"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The text of a version */
        get: operations["versions.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/versions/{version}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A new version with the text of an old one */
        post: operations["versions.restore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/difference": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What two versions differ in */
        get: operations["versions.difference"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Devices from CSV: a text to look at and save */
        post: operations["plants.importTable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/topology": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Zones, conduits and their places on the map */
        get: operations["topology.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/layout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Places of zones on the map */
        put: operations["layout.save"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/zones": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Zones with what they promise */
        get: operations["zones.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/conduits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Conduits by protection */
        get: operations["conduits.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/stages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far each zone is enforced, and what that means */
        get: operations["stages.list"];
        /** Set stages; the next deployment puts them in force */
        put: operations["stages.set"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Devices by page */
        get: operations["devices.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/devices/{device}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One device with all that is known of it */
        get: operations["devices.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Connections as last observed, judged by the model */
        get: operations["connections.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/findings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Differences between the plant and its model */
        get: operations["findings.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/dry-run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Which observed connections a text or version would break */
        post: operations["plants.dryRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/propose": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Zones and conduits from what was observed: a text to look at and save */
        post: operations["plants.propose"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/discovered": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Devices that answered */
        get: operations["discovered.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/discovered/adopt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take devices into a zone: saves a new version */
        post: operations["discovered.adopt"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/discovered/ignore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Hide addresses from the inbox, or show them again */
        post: operations["discovered.ignore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read the devices and tell what a deployment would change */
        post: operations["plans.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plans/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A plan with its impact on each device */
        get: operations["plans.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/deployments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Deployments, newest first */
        get: operations["deployments.list"];
        put?: never;
        /** Deploy what a plan says; devices that changed since are refused */
        post: operations["deployments.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A deployment device by device */
        get: operations["deployments.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployments/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Again for the devices that are not complete */
        post: operations["deployments.retry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/releases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take the policy off devices, with proof */
        post: operations["releases.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/renewals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Renew certificates that come due */
        post: operations["renewals.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/verifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read back and probe from outside */
        post: operations["verifications.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/verifications/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every check with its verdict */
        get: operations["verifications.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/drift-checks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Compare every device with the model */
        post: operations["driftChecks.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/discoveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask addresses who is there */
        post: operations["discoveries.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/observations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read the live tables of the devices */
        post: operations["observations.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/rehearsals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deploy to a virtual twin of the plant */
        post: operations["rehearsals.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rehearsals/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the rehearsal went */
        get: operations["rehearsals.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Jobs, newest first */
        get: operations["jobs.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One job */
        get: operations["jobs.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop: each device keeps its old or gets its new settings */
        post: operations["jobs.cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/windows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Maintenance windows */
        get: operations["windows.list"];
        put?: never;
        /** A new maintenance window */
        post: operations["windows.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/windows/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Remove a maintenance window */
        delete: operations["windows.remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events as they happen (text/event-stream); goes on behind Last-Event-ID */
        get: operations["events.stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events in order */
        get: operations["events.history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrollments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Requests for certificates, oldest first */
        get: operations["enrollments.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrollments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One request with its history, for ever */
        get: operations["enrollments.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrollments/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Approve, with a reason */
        post: operations["enrollments.approve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrollments/{id}/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deny, with a reason */
        post: operations["enrollments.deny"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrollments/{id}/withdraw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take one’s word back */
        post: operations["enrollments.withdraw"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/enrollments/decisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Approve or deny several */
        post: operations["enrollments.decideMany"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/certificates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Certificates by expiry */
        get: operations["certificates.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/certificates/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many expire when */
        get: operations["certificates.summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/certificates/{issuer}/{serial}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One certificate */
        get: operations["certificates.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/certificates/{issuer}/{serial}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revoke; the lists are pushed with the next deployment */
        post: operations["certificates.revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/authorities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Root and issuing authorities */
        get: operations["authorities.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/authorities/{id}/chain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Certificate chain, PEM */
        get: operations["authorities.chain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who did what, newest first; that it was read is an entry too */
        get: operations["audit.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who did what as CSV or JSON lines */
        get: operations["audit.export"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the chain is whole */
        get: operations["audit.check"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Settings */
        get: operations["settings.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change some settings */
        patch: operations["settings.change"];
        trace?: never;
    };
    "/api/v1/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Versions, store, managers */
        get: operations["system.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Everything in one sealed file */
        post: operations["backups.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every message with cause and next step */
        get: operations["messages.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plants/{plant}/captures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Judge a capture by the model */
        post: operations["captures.judge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vendor-anchors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Vendors’ certificates that first contact is checked by */
        get: operations["anchors.list"];
        put?: never;
        /** Believe a vendor */
        post: operations["anchors.add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/vendor-anchors/{fingerprint}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Believe a vendor no more */
        delete: operations["anchors.remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** Welcome */
        Welcome: {
            product: string;
            notice: string;
            firstRun: boolean;
            providers: {
                id: string;
                name: string;
            }[];
        };
        /** Problem */
        Problem: {
            code: string;
            /** @description What is wrong, where, and what was expected */
            message: string;
            /** @description What to do about it */
            remedy?: string;
            request?: string;
            problems?: components["schemas"]["TextProblem"][];
            outdated?: components["schemas"]["Outdated"];
        };
        /** TextProblem */
        TextProblem: {
            file: string;
            line: number;
            column: number;
            message: string;
            remedy?: string;
            /** @enum {string} */
            severity: "error" | "warning";
        };
        /** Outdated */
        Outdated: {
            newest: number;
            merged: string | null;
            conflicts: components["schemas"]["Conflict"][];
        };
        /** Conflict */
        Conflict: {
            line: number;
            mine: string[];
            base: string[];
            theirs: string[];
        };
        /** Session */
        Session: {
            /** @enum {string} */
            state: "signed-in" | "second-factor" | "must-enroll";
            user: {
                id: string;
                name: string;
                display: string;
            };
            roles: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
            permissions: ("plant.read" | "plant.write" | "plan" | "operate" | "deploy" | "enrollment.read" | "enrollment.decide" | "certificate.read" | "certificate.revoke" | "audit.read" | "user.read" | "user.write" | "settings.read" | "settings.write" | "backup")[];
            factors: ("totp" | "webauthn" | "recovery")[];
            csrf: string;
            /** @description ISO 8601, UTC */
            idleUntil: string;
            /** @description ISO 8601, UTC */
            endsAt: string;
        };
        /** PublicKeyOptions */
        PublicKeyOptions: {
            options: unknown;
        };
        /** SessionList */
        SessionList: {
            items: components["schemas"]["SessionEntry"][];
        };
        /** SessionEntry */
        SessionEntry: {
            id: string;
            current: boolean;
            address: string;
            agent: string;
            /** @description ISO 8601, UTC */
            createdAt: string;
            /** @description ISO 8601, UTC */
            seenAt: string;
            /** @description ISO 8601, UTC */
            endsAt: string;
            secondFactorAt: string | null;
        };
        /** Factors */
        Factors: {
            totp: {
                /** @description ISO 8601, UTC */
                since: string;
            } | null;
            webauthn: {
                id: string;
                name: string;
                /** @description ISO 8601, UTC */
                createdAt: string;
                usedAt: string | null;
            }[];
            recovery: number;
            passwordSince: string | null;
        };
        /** TotpSetup */
        TotpSetup: {
            uri: string;
            secret: string;
        };
        /** RecoveryCodes */
        RecoveryCodes: {
            codes: string[];
        };
        /** RoleList */
        RoleList: {
            items: components["schemas"]["RoleEntry"][];
        };
        /** RoleEntry */
        RoleEntry: {
            /** @enum {string} */
            name: "observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator";
            permissions: ("plant.read" | "plant.write" | "plan" | "operate" | "deploy" | "enrollment.read" | "enrollment.decide" | "certificate.read" | "certificate.revoke" | "audit.read" | "user.read" | "user.write" | "settings.read" | "settings.write" | "backup")[];
        };
        /** UserList */
        UserList: {
            items: components["schemas"]["User"][];
        };
        /** User */
        User: {
            id: string;
            name: string;
            display: string;
            roles: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
            /** @enum {string} */
            state: "active" | "invited" | "locked" | "disabled";
            lockedUntil: string | null;
            provider: string | null;
            factors: ("totp" | "webauthn")[];
            sessions: number;
            /** @description ISO 8601, UTC */
            createdAt: string;
            seenAt: string | null;
        };
        /** NewUser */
        NewUser: {
            user: components["schemas"]["User"];
            invitation: components["schemas"]["OneTimeLink"];
        };
        /** OneTimeLink */
        OneTimeLink: {
            url: string;
            /** @description ISO 8601, UTC */
            expiresAt: string;
        };
        /** TokenList */
        TokenList: {
            items: components["schemas"]["Token"][];
        };
        /** Token */
        Token: {
            id: string;
            name: string;
            prefix: string;
            owner: string;
            roles: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
            /** @description ISO 8601, UTC */
            createdAt: string;
            /** @description ISO 8601, UTC */
            expiresAt: string;
            usedAt: string | null;
            revokedAt: string | null;
        };
        /** NewToken */
        NewToken: {
            token: components["schemas"]["Token"];
            secret: string;
        };
        /** IdentityProviderList */
        IdentityProviderList: {
            items: components["schemas"]["IdentityProvider"][];
        };
        /** IdentityProvider */
        IdentityProvider: {
            id: string;
            name: string;
            issuer: string;
            clientId: string;
            rolePath: string;
            roleMap: {
                [key: string]: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
            };
            enabled: boolean;
            creates: boolean;
            hasSecret: boolean;
        };
        /** ProviderTest */
        ProviderTest: {
            reachable: boolean;
            explanation: string;
            attempts: {
                /** @description ISO 8601, UTC */
                at: string;
                subject: string;
                outcome: string;
                roles: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
                explanation: string;
            }[];
        };
        /** PlantList */
        PlantList: {
            items: components["schemas"]["Plant"][];
        };
        /** Plant */
        Plant: {
            name: string;
            version: number;
            author: string;
            /** @description ISO 8601, UTC */
            savedAt: string;
            devices: number;
            zones: number;
            conduits: number;
            standings: components["schemas"]["Standings"];
            deployed: {
                version: number | null;
                /** @description ISO 8601, UTC */
                at: string;
                outcome: string;
            } | null;
            drift: number;
            expiring: number;
        };
        /** Standings */
        Standings: {
            ok: number;
            "not-deployed": number;
            drift: number;
            failed: number;
            unreachable: number;
            running: number;
            left: number;
        };
        /** Version */
        Version: {
            version: number;
            author: string;
            message: string;
            /** @description ISO 8601, UTC */
            savedAt: string;
            base: number | null;
            digest: string;
            devices: number;
            zones: number;
        };
        /** Validation */
        Validation: {
            valid: boolean;
            problems: components["schemas"]["TextProblem"][];
            summary: {
                name: string;
                devices: number;
                zones: number;
                conduits: number;
            } | null;
            changes: components["schemas"]["ModelChange"][];
        };
        /** ModelChange */
        ModelChange: {
            /** @enum {string} */
            kind: "added" | "removed" | "changed";
            /** @enum {string} */
            what: "plant" | "zone" | "device" | "conduit" | "range" | "connection" | "test" | "authority" | "chassis";
            name: string;
            fields: string[];
        };
        /** VersionPage */
        VersionPage: {
            items: components["schemas"]["Version"][];
            next: string | null;
            total?: number;
        };
        /** VersionText */
        VersionText: {
            version: components["schemas"]["Version"];
            text: string;
            simulation: string | null;
        };
        /** VersionDifference */
        VersionDifference: {
            from: number;
            to: number;
            text: string;
            changes: components["schemas"]["ModelChange"][];
        };
        /** Proposal */
        Proposal: {
            text: string;
            notes: string[];
            problems: components["schemas"]["TextProblem"][];
        };
        /** Topology */
        Topology: {
            plant: string;
            version: number;
            zones: components["schemas"]["Zone"][];
            conduits: components["schemas"]["Conduit"][];
            layout: {
                [key: string]: {
                    x: number;
                    y: number;
                };
            };
        };
        /** Zone */
        Zone: {
            name: string;
            authentication: string;
            messaging: string;
            io: string;
            /** @enum {string} */
            nonSecure: "allow" | "deny";
            close: string[];
            /** @enum {string} */
            stage: "observe" | "protect" | "enforce";
            devices: number;
            standings: components["schemas"]["Standings"];
        };
        /** Conduit */
        Conduit: {
            id: string;
            between: string[];
            zones: (string | null)[];
            authentication: string;
            messaging: string;
            io: string;
            /** @enum {string} */
            messagingProtection: "Encrypted" | "Authenticated" | "None";
            /** @enum {string} */
            ioProtection: "Encrypted" | "Authenticated" | "None";
            trustedAddress: boolean;
        };
        /** ZoneList */
        ZoneList: {
            items: components["schemas"]["Zone"][];
        };
        /** ConduitList */
        ConduitList: {
            items: components["schemas"]["Conduit"][];
        };
        /** StageList */
        StageList: {
            items: components["schemas"]["StageEntry"][];
        };
        /** StageEntry */
        StageEntry: {
            zone: string;
            /** @enum {string} */
            stage: "observe" | "protect" | "enforce";
            since: string | null;
            by: string | null;
            consequence: string;
        };
        /** DevicePage */
        DevicePage: {
            items: components["schemas"]["Device"][];
            next: string | null;
            total?: number;
        };
        /** Device */
        Device: {
            name: string;
            address: string | null;
            zone: string | null;
            chassis: string | null;
            slot: number | null;
            capable: boolean;
            /** @enum {string} */
            standing: "ok" | "not-deployed" | "drift" | "failed" | "unreachable" | "running" | "left";
            product: string | null;
            serial: number | null;
            expiresAt: string | null;
            drift: number;
            updatedAt: string | null;
        };
        /** DeviceDetail */
        DeviceDetail: {
            device: components["schemas"]["Device"];
            identity: {
                vendor: number;
                deviceType: number;
                productCode: number;
                revision: string;
                productName: string;
                serial: number;
            } | null;
            certificate: {
                issuer: string;
                serial: string;
                subject: string;
                fingerprint: string;
                /** @description ISO 8601, UTC */
                notBefore: string;
                /** @description ISO 8601, UTC */
                notAfter: string;
                status: string;
            } | null;
            vendorFingerprint: string | null;
            wanted: {
                enforcement: string;
                ports: string[];
                suites: string[];
                peers: {
                    name: string;
                    /** @enum {string} */
                    messaging: "Encrypted" | "Authenticated" | "None";
                    /** @enum {string} */
                    io: "Encrypted" | "Authenticated" | "None";
                }[];
            } | null;
            lastDeployment: {
                id: string;
                /** @description ISO 8601, UTC */
                at: string;
                outcome: string;
                messages: components["schemas"]["Message"][];
            } | null;
            findings: components["schemas"]["DriftFinding"][];
            capabilities: unknown | null;
            tables: {
                /** @description ISO 8601, UTC */
                at: string;
                identity: unknown;
                tcp: unknown;
                tls: unknown;
                dtls: unknown;
                bridge: unknown;
                security: unknown;
            } | null;
        };
        /** Message */
        Message: {
            code: string;
            /** @enum {string} */
            severity: "information" | "warning" | "error";
            subject: string;
            text: string;
            cause: string;
            evidence: string;
            next: string;
        };
        /** DriftFinding */
        DriftFinding: {
            id: number;
            device: string;
            kind: string;
            weight: string;
            text: string;
            explanation: string;
            /** @description ISO 8601, UTC */
            foundAt: string;
            goneAt: string | null;
        };
        /** ConnectionPage */
        ConnectionPage: {
            items: components["schemas"]["Connection"][];
            next: string | null;
            total?: number;
        };
        /** Connection */
        Connection: {
            key: string;
            /** @enum {string} */
            kind: "connection" | "session";
            from: string;
            fromName: string | null;
            fromZone: string | null;
            to: string;
            toName: string | null;
            toZone: string | null;
            class: number | null;
            /** @enum {string} */
            transport: "tcp" | "udp" | "tls" | "dtls";
            /** @enum {string} */
            confidentiality: "Encrypted" | "Authenticated" | "None";
            suite: string | null;
            rpiUs: number | null;
            uptimeS: number | null;
            missed: number;
            /** @enum {string} */
            verdict: "allowed" | "forbidden" | "weaker" | "unknown-peer";
            reason: string;
            /** @description ISO 8601, UTC */
            observedAt: string;
        };
        /** FindingPage */
        FindingPage: {
            items: components["schemas"]["DriftFinding"][];
            next: string | null;
            total?: number;
        };
        /** DryRun */
        DryRun: {
            observedAt: string | null;
            connections: number;
            breaks: components["schemas"]["Breakage"][];
            problems: components["schemas"]["TextProblem"][];
        };
        /** Breakage */
        Breakage: {
            from: string;
            fromName: string | null;
            to: string;
            toName: string | null;
            class: number | null;
            transport: string;
            reason: string;
            remedy: string;
        };
        /** DiscoveredList */
        DiscoveredList: {
            items: components["schemas"]["Discovered"][];
        };
        /** Discovered */
        Discovered: {
            address: string;
            /** @enum {string} */
            state: "new" | "adopted" | "ignored";
            device: string | null;
            identity: {
                vendor: number;
                deviceType: number;
                productCode: number;
                revision: string;
                productName: string;
                serial: number;
            } | null;
            capable: boolean;
            securityState: string | null;
            /** @description ISO 8601, UTC */
            firstSeen: string;
            /** @description ISO 8601, UTC */
            lastSeen: string;
            by: string | null;
        };
        /** Job */
        Job: {
            id: string;
            /** @enum {string} */
            kind: "plan" | "deploy" | "release" | "verify" | "drift" | "discover" | "observe" | "rehearse" | "renew";
            plant: string;
            version: number | null;
            /** @enum {string} */
            state: "waiting" | "running" | "complete" | "complete-with-warnings" | "not-complete" | "cancelled" | "failed";
            requestedBy: string;
            /** @description ISO 8601, UTC */
            requestedAt: string;
            notBefore: string | null;
            window: string | null;
            startedAt: string | null;
            finishedAt: string | null;
            cancelRequestedBy: string | null;
            progress: {
                done: number;
                total: number;
                doing: string;
            } | null;
            current: {
                device: string;
                step: string;
            }[];
            deployment: string | null;
            error: {
                code: string;
                message: string;
                next: string;
            } | null;
            attempts: number;
            manager: string | null;
            follows: string | null;
        };
        /** Plan */
        Plan: {
            job: components["schemas"]["Job"];
            plan: {
                digest: string;
                /** @enum {string} */
                outcome: "complete" | "complete-with-warnings" | "not-complete";
                devices: components["schemas"]["PlannedDevice"][];
                connections: {
                    connection: string;
                    from: string;
                    to: string;
                    class: number;
                    /** @enum {string} */
                    verdict: "secure" | "plain" | "denied";
                    suites: string[];
                    reason: string;
                    moves: boolean;
                }[];
                messages: components["schemas"]["Message"][];
                breaks: {
                    from: string;
                    to: string;
                    reason: string;
                    remedy: string;
                }[];
            } | null;
        };
        /** PlannedDevice */
        PlannedDevice: {
            device: string;
            address: string;
            zone: string;
            /** @enum {string} */
            action: "commission" | "reconfigure" | "finish" | "adjust" | "nothing" | "leave" | "refused";
            changes: {
                what: string;
                from: string;
                to: string;
                interrupts: boolean;
            }[];
            steps: string[];
            interrupts: string[];
            fingerprint: string | null;
            messages: components["schemas"]["Message"][];
        };
        /** DeploymentPage */
        DeploymentPage: {
            items: components["schemas"]["Deployment"][];
            next: string | null;
            total?: number;
        };
        /** Deployment */
        Deployment: {
            id: string;
            plant: string;
            version: number | null;
            /** @enum {string} */
            kind: "apply" | "release";
            status: string;
            /** @description ISO 8601, UTC */
            startedAt: string;
            finishedAt: string | null;
            by: string | null;
            job: string | null;
            devices: {
                total: number;
                complete: number;
                warnings: number;
                failed: number;
                running: number;
            };
        };
        /** DeploymentDetail */
        DeploymentDetail: {
            id: string;
            plant: string;
            version: number | null;
            /** @enum {string} */
            kind: "apply" | "release";
            status: string;
            /** @description ISO 8601, UTC */
            startedAt: string;
            finishedAt: string | null;
            by: string | null;
            job: string | null;
            devices: {
                total: number;
                complete: number;
                warnings: number;
                failed: number;
                running: number;
            };
            targets: components["schemas"]["DeploymentTarget"][];
            connections: {
                connection: string;
                from: string;
                to: string;
                /** @enum {string} */
                outcome: "complete" | "complete-with-warnings" | "not-complete";
                gapMs: number | null;
                before: string | null;
                after: string | null;
                messages: components["schemas"]["Message"][];
            }[];
            messages: components["schemas"]["Message"][];
        };
        /** DeploymentTarget */
        DeploymentTarget: {
            device: string;
            address: string | null;
            /** @enum {string} */
            state: "waiting" | "running" | "complete" | "complete-with-warnings" | "not-complete" | "skipped";
            configuration: string | null;
            messages: components["schemas"]["Message"][];
            steps: {
                step: string;
                tookMs: number;
                result: string;
            }[];
            /** @description ISO 8601, UTC */
            updatedAt: string;
        };
        /** Verification */
        Verification: {
            job: components["schemas"]["Job"];
            result: {
                /** @enum {string} */
                verdict: "pass" | "fail";
                counts: {
                    [key: string]: number;
                };
                tookMs: number;
                checks: components["schemas"]["Check"][];
            } | null;
        };
        /** Check */
        Check: {
            id: string;
            subject: string;
            text: string;
            /** @enum {string} */
            verdict: "pass" | "fail" | "not-probed" | "not-tested" | "risk";
            evidence: string;
        };
        /** Rehearsal */
        Rehearsal: {
            job: components["schemas"]["Job"];
            result: {
                /** @enum {string} */
                outcome: "complete" | "complete-with-warnings" | "not-complete";
                tookMs: number;
                assumptions: string[];
                devices: {
                    device: string;
                    /** @enum {string} */
                    outcome: "complete" | "complete-with-warnings" | "not-complete";
                    messages: components["schemas"]["Message"][];
                }[];
                connections: {
                    connection: string;
                    /** @enum {string} */
                    outcome: "complete" | "complete-with-warnings" | "not-complete";
                    gapMs: number | null;
                    reason: string;
                }[];
                verification: {
                    /** @enum {string} */
                    verdict: "pass" | "fail";
                    counts: {
                        [key: string]: number;
                    };
                } | null;
            } | null;
        };
        /** JobPage */
        JobPage: {
            items: components["schemas"]["Job"][];
            next: string | null;
            total?: number;
        };
        /** MaintenanceWindowList */
        MaintenanceWindowList: {
            items: components["schemas"]["MaintenanceWindow"][];
        };
        /** MaintenanceWindow */
        MaintenanceWindow: {
            id: string;
            name: string;
            zone: string | null;
            rule: {
                /** @constant */
                kind: "weekly";
                days: number[];
                from: string;
                to: string;
                zone: string;
            } | {
                /** @constant */
                kind: "once";
                /** @description ISO 8601, UTC */
                from: string;
                /** @description ISO 8601, UTC */
                to: string;
            };
            open: boolean;
            nextOpening: string | null;
        };
        /** EventList */
        EventList: {
            items: components["schemas"]["Event"][];
        };
        /** Event */
        Event: {
            id: number;
            /** @description ISO 8601, UTC */
            at: string;
            kind: string;
            subject: string;
            plant: string | null;
            detail: unknown;
        };
        /** EnrollmentPage */
        EnrollmentPage: {
            items: components["schemas"]["Enrollment"][];
            next: string | null;
            total?: number;
        };
        /** Enrollment */
        Enrollment: {
            id: number;
            plant: string;
            label: string;
            /** @enum {string} */
            state: "pending" | "granted" | "denied" | "expired";
            requester: string;
            address: string;
            subject: string;
            /** @description SHA-256 of the public key */
            key: string;
            device: string | null;
            zone: string | null;
            reason: string;
            /** @description ISO 8601, UTC */
            createdAt: string;
            /** @description ISO 8601, UTC */
            updatedAt: string;
            expiresAt: string | null;
            approvedBy: string[];
            alarms: string[];
        };
        /** EnrollmentDetail */
        EnrollmentDetail: {
            id: number;
            plant: string;
            label: string;
            /** @enum {string} */
            state: "pending" | "granted" | "denied" | "expired";
            requester: string;
            address: string;
            subject: string;
            /** @description SHA-256 of the public key */
            key: string;
            device: string | null;
            zone: string | null;
            reason: string;
            /** @description ISO 8601, UTC */
            createdAt: string;
            /** @description ISO 8601, UTC */
            updatedAt: string;
            expiresAt: string | null;
            approvedBy: string[];
            alarms: string[];
            facts: unknown;
            explanation: string[];
            replacement: unknown | null;
            certificate: {
                issuer: string;
                serial: string;
            } | null;
            words: components["schemas"]["EnrollmentWord"][];
        };
        /** EnrollmentWord */
        EnrollmentWord: {
            /** @description ISO 8601, UTC */
            at: string;
            kind: string;
            by: string;
            reason: string;
        };
        /** DecisionList */
        DecisionList: {
            items: components["schemas"]["DecisionEntry"][];
        };
        /** DecisionEntry */
        DecisionEntry: {
            id: number;
            state: string;
            error: string | null;
        };
        /** CertificatePage */
        CertificatePage: {
            items: components["schemas"]["Certificate"][];
            next: string | null;
            total?: number;
        };
        /** Certificate */
        Certificate: {
            issuer: string;
            serial: string;
            profile: string;
            zone: string | null;
            name: string;
            subject: string;
            fingerprint: string;
            /** @description ISO 8601, UTC */
            notBefore: string;
            /** @description ISO 8601, UTC */
            notAfter: string;
            /** @enum {string} */
            status: "valid" | "revoked" | "expired";
            inUse: string | null;
            revokedAt: string | null;
            reason: string | null;
        };
        /** CertificateSummary */
        CertificateSummary: {
            expired: number;
            days7: number;
            days30: number;
            days90: number;
            later: number;
            revoked: number;
        };
        /** CertificateDetail */
        CertificateDetail: {
            certificate: components["schemas"]["Certificate"];
            pem: string;
        };
        /** AuthorityList */
        AuthorityList: {
            items: components["schemas"]["Authority"][];
        };
        /** Authority */
        Authority: {
            id: string;
            zone: string | null;
            generation: number;
            state: string;
            subject: string;
            fingerprint: string;
            /** @description ISO 8601, UTC */
            notAfter: string;
            keyKind: string;
            inHardware: boolean;
            crlNumber: number;
            issued: number;
        };
        /** AuditPage */
        AuditPage: {
            items: components["schemas"]["AuditEntry"][];
            next: string | null;
            total?: number;
        };
        /** AuditEntry */
        AuditEntry: {
            id: number;
            /** @description ISO 8601, UTC */
            at: string;
            /** @enum {string} */
            actorKind: "user" | "token" | "system" | "anonymous";
            actor: string;
            action: string;
            subject: string;
            plant: string | null;
            /** @enum {string} */
            outcome: "done" | "refused" | "failed";
            address: string | null;
            request: string | null;
            detail: unknown;
        };
        /** AuditCheck */
        AuditCheck: {
            whole: boolean;
            firstBroken: number | null;
            entries: number;
        };
        /** Settings */
        Settings: {
            /** @description System-use notification before signing in */
            notice: string;
            sessionIdleMinutes: number;
            sessionHours: number;
            secondFactor: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
            /** @description 0: no scheduled comparison */
            driftMinutes: number;
            /** @description 0: connections are read on request only */
            observeMinutes: number;
            /** @description Certificates that end within so many days are renewed; 0: never by itself */
            renewDays: number;
            retention: {
                auditDays: number;
                eventDays: number;
                jobDays: number;
                versionDays: number;
            };
        };
        /** SystemStatus */
        SystemStatus: {
            product: string;
            version: string;
            node: string;
            openssl: string;
            store: {
                kind: string;
                location: string;
                version: string;
                schema: string;
                bytes: number;
                notes: string[];
            };
            managers: {
                id: string;
                host: string;
                pid: number;
                address: string;
                /** @description ISO 8601, UTC */
                startedAt: string;
                /** @description ISO 8601, UTC */
                seenAt: string;
                alive: boolean;
            }[];
            tables: {
                name: string;
                rows: number;
                bytes: number;
            }[];
            est: {
                addresses: string[];
                labels: string[];
                banners: string[];
            } | null;
        };
        /** MessageList */
        MessageList: {
            items: components["schemas"]["MessageEntry"][];
        };
        /** MessageEntry */
        MessageEntry: {
            code: string;
            severity: string;
            title: string;
            cause: string;
            next: string;
        };
        /** CaptureVerdict */
        CaptureVerdict: {
            packets: number;
            unreadable: number;
            flows: components["schemas"]["FlowVerdict"][];
            disobeying: number;
            notes: string[];
        };
        /** FlowVerdict */
        FlowVerdict: {
            from: string;
            to: string;
            protocol: string;
            verdict: string;
            reason: string;
            protection: string;
            packets: number;
        };
        /** AnchorList */
        AnchorList: {
            items: components["schemas"]["Anchor"][];
        };
        /** Anchor */
        Anchor: {
            fingerprint: string;
            subject: string;
            /** @description ISO 8601, UTC */
            notAfter: string;
            addedBy: string;
            /** @description ISO 8601, UTC */
            addedAt: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    "welcome.read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Welcome"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "firstRun.use": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    token: string;
                    name: string;
                    display?: string;
                    password: string;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "invitation.use": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    token: string;
                    password: string;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "session.read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "session.start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    password: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "session.end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "session.totp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "session.recovery": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "session.webauthnOptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PublicKeyOptions"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "session.webauthn": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    response: unknown;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "oidc.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "oidc.callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.endSession": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.factors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Factors"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    current: string;
                    next: string;
                };
            };
        };
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.totpBegin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TotpSetup"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.totpRemove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password: string;
                };
            };
        };
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.totpConfirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    code: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryCodes"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.webauthnOptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PublicKeyOptions"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.webauthnAdd": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    response: unknown;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryCodes"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.webauthnRemove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password: string;
                };
            };
        };
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "account.recovery": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryCodes"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "roles.list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoleList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "users.list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "users.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    display?: string;
                    roles: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewUser"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "users.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "users.change": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    display?: string;
                    roles?: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
                    disabled?: boolean;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "users.reset": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OneTimeLink"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "users.unlock": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "users.removeFactors": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "users.endSessions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "tokens.list": {
        parameters: {
            query?: {
                all?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "tokens.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    roles?: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
                    days?: number;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "tokens.revoke": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "providers.list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdentityProviderList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "providers.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    issuer: string;
                    clientId: string;
                    rolePath: string;
                    roleMap: {
                        [key: string]: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
                    };
                    enabled: boolean;
                    creates: boolean;
                    clientSecret?: string;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdentityProvider"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "providers.change": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    issuer: string;
                    clientId: string;
                    rolePath: string;
                    roleMap: {
                        [key: string]: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
                    };
                    enabled: boolean;
                    creates: boolean;
                    clientSecret?: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IdentityProvider"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "providers.remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "providers.test": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProviderTest"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plants.list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlantList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plants.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    text: string;
                    message: string;
                    simulation?: string | null;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plants.validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    text: string;
                    simulation?: string | null;
                    against?: {
                        plant: string;
                        version: number;
                    };
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Validation"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plants.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plant"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "versions.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionPage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "versions.save": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    base: number;
                    text: string;
                    message: string;
                    simulation?: string | null;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "versions.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionText"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "versions.restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
                version: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    base: number;
                    message: string;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "versions.difference": {
        parameters: {
            query: {
                from: number;
                to: number;
            };
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionDifference"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plants.importTable": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    csv: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Proposal"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "topology.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Topology"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "layout.save": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    places: {
                        [key: string]: {
                            x: number;
                            y: number;
                        };
                    };
                };
            };
        };
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "zones.list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ZoneList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "conduits.list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConduitList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "stages.list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StageList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "stages.set": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    stages: {
                        [key: string]: "observe" | "protect" | "enforce";
                    };
                    message: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StageList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "devices.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                zone?: string;
                standing?: "ok" | "not-deployed" | "drift" | "failed" | "unreachable" | "running" | "left";
                search?: string;
            };
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DevicePage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "devices.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
                device: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceDetail"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "connections.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                zone?: string;
                device?: string;
                protection?: "Encrypted" | "Authenticated" | "None";
                verdict?: "allowed" | "forbidden" | "weaker" | "unknown-peer";
                search?: string;
            };
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectionPage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "findings.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                gone?: boolean;
                device?: string;
            };
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FindingPage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plants.dryRun": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    text?: string;
                    version?: number;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DryRun"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plants.propose": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Proposal"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "discovered.list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiscoveredList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "discovered.adopt": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    base: number;
                    devices: {
                        address: string;
                        name: string;
                        zone: string;
                    }[];
                    newZone?: {
                        name: string;
                        authentication: string;
                        messaging: string;
                        io: string;
                    };
                    message: string;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "discovered.ignore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    addresses: string[];
                    ignore: boolean;
                };
            };
        };
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plans.create": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    only?: string[];
                    zones?: string[];
                    closeConnections?: boolean;
                    /** @enum {string} */
                    closePorts?: "now" | "later";
                    version?: number;
                    fingerprints?: {
                        [key: string]: string;
                    };
                };
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plans.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "deployments.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeploymentPage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "deployments.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    plan: string;
                    window?: string;
                    /** @description ISO 8601, UTC */
                    notBefore?: string;
                    message?: string;
                };
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "deployments.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeploymentDetail"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "deployments.retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    window?: string;
                    /** @description ISO 8601, UTC */
                    notBefore?: string;
                };
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "releases.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    devices: string[];
                    window?: string;
                    /** @description ISO 8601, UTC */
                    notBefore?: string;
                    message: string;
                };
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "renewals.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    only?: string[];
                    window?: string;
                    /** @description ISO 8601, UTC */
                    notBefore?: string;
                };
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "verifications.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    only?: string[];
                };
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "verifications.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verification"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "driftChecks.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "discoveries.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Address, range A-B, or CIDR of at most 4,096 addresses */
                    targets: string[];
                };
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "observations.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "rehearsals.start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    only?: string[];
                    zones?: string[];
                    closeConnections?: boolean;
                    /** @enum {string} */
                    closePorts?: "now" | "later";
                    version?: number;
                    fingerprints?: {
                        [key: string]: string;
                    };
                };
            };
        };
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "rehearsals.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rehearsal"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "jobs.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                plant?: string;
                kind?: "plan" | "deploy" | "release" | "verify" | "drift" | "discover" | "observe" | "rehearse" | "renew";
                state?: "waiting" | "running" | "complete" | "complete-with-warnings" | "not-complete" | "cancelled" | "failed";
                active?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobPage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "jobs.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "jobs.cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "windows.list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindowList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "windows.create": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    zone?: string | null;
                    rule: {
                        /** @constant */
                        kind: "weekly";
                        days: number[];
                        from: string;
                        to: string;
                        zone: string;
                    } | {
                        /** @constant */
                        kind: "once";
                        /** @description ISO 8601, UTC */
                        from: string;
                        /** @description ISO 8601, UTC */
                        to: string;
                    };
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindow"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "windows.remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "events.stream": {
        parameters: {
            query?: {
                plant?: string;
                after?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "events.history": {
        parameters: {
            query?: {
                after?: number;
                limit?: number;
                plant?: string;
                kind?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "enrollments.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                state?: "pending" | "granted" | "denied" | "expired";
                plant?: string;
                search?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentPage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "enrollments.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentDetail"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "enrollments.approve": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentDetail"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "enrollments.deny": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentDetail"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "enrollments.withdraw": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentDetail"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "enrollments.decideMany": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    ids: number[];
                    /** @enum {string} */
                    decision: "approve" | "deny";
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DecisionList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "certificates.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                status?: "valid" | "revoked" | "expired";
                withinDays?: number;
                zone?: string;
                profile?: string;
                inUse?: boolean;
                search?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificatePage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "certificates.summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificateSummary"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "certificates.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                issuer: string;
                serial: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificateDetail"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "certificates.revoke": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                issuer: string;
                serial: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {string} */
                    reason: "unspecified" | "key-compromise" | "affiliation-changed" | "superseded" | "cessation-of-operation";
                    message: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "authorities.list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthorityList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "authorities.chain": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-pem-file": string;
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "audit.list": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                from?: string;
                to?: string;
                actor?: string;
                action?: string;
                subject?: string;
                plant?: string;
                outcome?: "done" | "refused" | "failed";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "audit.export": {
        parameters: {
            query: {
                from?: string;
                to?: string;
                actor?: string;
                action?: string;
                subject?: string;
                plant?: string;
                outcome?: "done" | "refused" | "failed";
                format: "csv" | "jsonl";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "audit.check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditCheck"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "settings.read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "settings.change": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description System-use notification before signing in */
                    notice?: string;
                    sessionIdleMinutes?: number;
                    sessionHours?: number;
                    secondFactor?: ("observer" | "operator" | "engineer" | "deployer" | "approver" | "auditor" | "administrator")[];
                    /** @description 0: no scheduled comparison */
                    driftMinutes?: number;
                    /** @description 0: connections are read on request only */
                    observeMinutes?: number;
                    /** @description Certificates that end within so many days are renewed; 0: never by itself */
                    renewDays?: number;
                    retention?: {
                        auditDays: number;
                        eventDays: number;
                        jobDays: number;
                        versionDays: number;
                    };
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "system.read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SystemStatus"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "backups.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    passphrase: string;
                };
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "messages.list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "captures.judge": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                plant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CaptureVerdict"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "anchors.list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnchorList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "anchors.add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    pem: string;
                };
            };
        };
        responses: {
            /** @description Success */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnchorList"];
                };
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "anchors.remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                fingerprint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Success */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Anything else */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
